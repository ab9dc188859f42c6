"""The command line `yinxin`: a thin client of the agent, in two languages, for people and for scripts."""
