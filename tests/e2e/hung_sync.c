/* Preloaded into a scorer: while the file HUNG_SYNC exists, no write with a sync and no sync comes back, as on a network
   disk whose server is away. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

static void hang(void) {
  while (access(getenv("HUNG_SYNC"), F_OK) == 0) usleep(50000);
}

#define WRITE(name)                                                                                  \
  ssize_t name(int fd, const struct iovec *parts, int count, off_t at, int flags) {                  \
    ssize_t (*real)(int, const struct iovec *, int, off_t, int) = dlsym(RTLD_NEXT, #name);           \
    if (flags) hang();                                                                               \
    return real(fd, parts, count, at, flags);                                                        \
  }
#define SYNC(name)                                                                                   \
  int name(int fd) {                                                                                 \
    int (*real)(int) = dlsym(RTLD_NEXT, #name);                                                      \
    hang();                                                                                          \
    return real(fd);                                                                                 \
  }
WRITE(pwritev2)
WRITE(pwritev64v2)
SYNC(fsync)
SYNC(fdatasync)
