# `make help` explains the targets.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PY := .venv/bin/python
# In the test run: no window system, no colours, no user's own settings.
PYTEST := QT_QPA_PLATFORM=offscreen $(PY) -m pytest
# Two processes share the suite by files: much of it is waiting for tokens that hang or are pulled. ARGS="-n 0" runs it in one.
SHARED := -n 2 --dist loadfile --durations=30 --durations-min=5
export FILE AT
ONLY ?=
ARGS ?=

.PHONY: help demo test check lint lab soak bench fix pins obligations clean bootstrap bootstrap-test bootstrap-lab

help: ## 列出各目标 / this list
	@echo "印信 Yinxin - make TARGET"
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 16

bootstrap:
	@scripts/bootstrap demo

bootstrap-test:
	@scripts/bootstrap test

bootstrap-lab:
	@scripts/bootstrap lab

demo: bootstrap ## 装好所需, 用练习 UKey 签一张图纸并验签 / install what is missing, sign a drawing, verify it (FILE=… signs yours, AT=PAGE:X,Y,W,H shows it)
	@$(PY) -m scripts.demo

test: bootstrap-test ## 全部测试 / the whole test suite (ARGS=… goes to pytest)
	@$(PYTEST) $(SHARED) $(ARGS)

check: bootstrap-test lint ## 提交前的门槛 / the gate before a commit: format, lint, types, floors, tests
	@$(PYTEST) $(SHARED) $(ARGS)

lint: bootstrap-test ## 只做静态检查 / the gate without the tests
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports

lab: bootstrap-lab ## 各种 UKey 的合同测试, 写出 docs/tokens.md / every make of token, NSS and a TPM among them → docs/tokens.md
	@$(PY) -m scripts.lab

soak: bootstrap-test ## 长时间运行的全量计数 / the long runs in full counts (YINXIN_SOAK=1; takes an hour)
	@YINXIN_SOAK=1 $(PYTEST) --timeout 7200 $(ARGS)

bench: bootstrap-test ## 与同类软件同场比较 / ratios against peers in one run → build/bench.json (ONLY=name)
	@$(PY) -m scripts.bench $(if $(ONLY),--only $(ONLY))

fix: bootstrap-test ## 自动整理代码 / format the code and mend what ruff can
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

pins: ## 重做固定版本 / redo requirements*.txt (ARGS=--upgrade takes the newest)
	@scripts/pins $(ARGS)

obligations: bootstrap-test ## 制度条款与证明它的测试 / S01 to S91 with the tests behind each
	@$(PY) -m scripts.obligations

clean: ## 删除生成物 / remove what was made here (.venv, build)
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find agent desktop tokens tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +
