/* Loaded into a pcscd of the lab (LD_PRELOAD): since 2.0 it ends where it cannot make /run/pcscd, which it does not need when its socket is
 * handed over, and which an ordinary user may not make.  It is told that the folder is there. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static const char folder[] = "/run/pcscd";

int mkdir(const char *path, mode_t mode)
{
    int (*real)(const char *, mode_t) = (int (*)(const char *, mode_t))dlsym(RTLD_NEXT, "mkdir");
    if (strcmp(path, folder)) return real(path, mode);
    errno = EEXIST;
    return -1;
}

int chmod(const char *path, mode_t mode)
{
    int (*real)(const char *, mode_t) = (int (*)(const char *, mode_t))dlsym(RTLD_NEXT, "chmod");
    return strcmp(path, folder) ? real(path, mode) : 0;
}
