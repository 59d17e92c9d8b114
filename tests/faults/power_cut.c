/* Preloaded into a scorer: notes what it writes, syncs and renames under one folder, so that a test can take back what
   a power cut would take back. Each note is one line, appended by one write. Every file keeps a second name in the
   stash, so that its bytes are there after it was renamed over or deleted. With POWER_CUT_LIES the disk only says that
   it syncs. Notes: c create, w write (offset, length), r rename, l link, u unlink, S/s sync of a file begins/ends, D/d of
   the folder. While the file POWER_CUT_REFUSES exists, writes there fail with the error number that it holds. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define MOST 65536
static const char *root, *stash, *journal, *refuses;
static int lies, journal_fd = -1;
static size_t root_length;
static char tracked[MOST];

#define REAL(name, type, ...) static type (*real_##name)(__VA_ARGS__)
REAL(open, int, const char *, int, ...);
REAL(openat, int, int, const char *, int, ...);
REAL(close, int, int);
REAL(write, ssize_t, int, const void *, size_t);
REAL(pwrite, ssize_t, int, const void *, size_t, off_t);
REAL(writev, ssize_t, int, const struct iovec *, int);
REAL(pwritev2, ssize_t, int, const struct iovec *, int, off_t, int);
REAL(fsync, int, int);
REAL(fdatasync, int, int);
REAL(rename, int, const char *, const char *);
REAL(unlink, int, const char *);
REAL(link, int, const char *, const char *);

__attribute__((constructor)) static void begin(void) {
  root = getenv("POWER_CUT_ROOT");
  stash = getenv("POWER_CUT_STASH");
  journal = getenv("POWER_CUT_JOURNAL");
  refuses = getenv("POWER_CUT_REFUSES");
  lies = getenv("POWER_CUT_LIES") != NULL;
  root_length = root ? strlen(root) : 0;
#define FIND(name) real_##name = dlsym(RTLD_NEXT, #name)
  FIND(open); FIND(openat); FIND(close); FIND(write); FIND(pwrite); FIND(writev); FIND(pwritev2);
  FIND(fsync); FIND(fdatasync); FIND(rename); FIND(unlink); FIND(link);
}

static int under(const char *path) {
  return root && path && strncmp(path, root, root_length) == 0 && path[root_length] == '/';
}

static int refused(void) {
  char number[8] = {0};
  int fd = refuses ? real_open(refuses, O_RDONLY | O_CLOEXEC, 0) : -1;
  if (fd < 0) return 0;
  if (read(fd, number, sizeof number - 1) < 0) number[0] = 0;
  real_close(fd);
  int code = atoi(number);
  if (code) errno = code;
  return code;
}

static void note(const char *format, ...) {
  if (!journal) return;
  char line[4096];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  int kept = errno;
  if (journal_fd < 0) journal_fd = real_open(journal, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (length > 0 && real_write(journal_fd, line, (size_t)length) != length) abort();
  errno = kept;
}

static unsigned long inode(int fd) {
  struct stat found;
  return fstat(fd, &found) == 0 ? (unsigned long)found.st_ino : 0;
}

static int opened(int fd, const char *path, int flags, int fresh) {
  if (fd < 0 || fd >= MOST) return fd;
  tracked[fd] = under(path) && (flags & (O_WRONLY | O_RDWR)) != 0;
  if (tracked[fd] && fresh && stash) {
    char second[4096];
    snprintf(second, sizeof second, "%s/%lu", stash, inode(fd));
    real_link(path, second);
    note("c %lu %s\n", inode(fd), path + root_length + 1);
  }
  return fd;
}

static int fresh(const char *path, int flags) {
  struct stat found;
  return (flags & O_CREAT) && under(path) && stat(path, &found) != 0;
}

#define MODE(flags)                                                                  \
  mode_t mode = 0;                                                                   \
  if ((flags) & (O_CREAT | O_TMPFILE)) {                                             \
    va_list arguments;                                                               \
    va_start(arguments, flags);                                                      \
    mode = va_arg(arguments, mode_t);                                                \
    va_end(arguments);                                                               \
  }

int open(const char *path, int flags, ...) {
  MODE(flags)
  int is_new = fresh(path, flags);
  if (is_new && refused()) return -1;
  return opened(real_open(path, flags, mode), path, flags, is_new);
}
int open64(const char *path, int flags, ...) {
  MODE(flags)
  int is_new = fresh(path, flags);
  if (is_new && refused()) return -1;
  return opened(real_open(path, flags | O_LARGEFILE, mode), path, flags, is_new);
}
int openat(int at, const char *path, int flags, ...) {
  MODE(flags)
  int is_new = fresh(path, flags);
  if (is_new && refused()) return -1;
  return opened(real_openat(at, path, flags, mode), path, flags, is_new);
}
int openat64(int at, const char *path, int flags, ...) {
  MODE(flags)
  int is_new = fresh(path, flags);
  if (is_new && refused()) return -1;
  return opened(real_openat(at, path, flags | O_LARGEFILE, mode), path, flags, is_new);
}
int close(int fd) {
  if (fd >= 0 && fd < MOST) tracked[fd] = 0;
  return real_close(fd);
}

static int watched(int fd) { return fd >= 0 && fd < MOST && tracked[fd]; }

static void wrote(int fd, ssize_t count, off_t end) {
  if (count > 0) note("w %lu %ld %ld\n", inode(fd), (long)(end - count), (long)count);
}
ssize_t write(int fd, const void *data, size_t length) {
  if (watched(fd) && refused()) return -1;
  ssize_t count = real_write(fd, data, length);
  if (watched(fd)) wrote(fd, count, lseek(fd, 0, SEEK_CUR));
  return count;
}
ssize_t writev(int fd, const struct iovec *parts, int number) {
  if (watched(fd) && refused()) return -1;
  ssize_t count = real_writev(fd, parts, number);
  if (watched(fd)) wrote(fd, count, lseek(fd, 0, SEEK_CUR));
  return count;
}
ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) {
  if (watched(fd) && refused()) return -1;
  ssize_t count = real_pwrite(fd, data, length, offset);
  if (watched(fd)) wrote(fd, count, offset + count);
  return count;
}
ssize_t pwrite64(int fd, const void *data, size_t length, off_t offset) { return pwrite(fd, data, length, offset); }

static int synced(int fd, int (*real)(int)) {
  struct stat found, top;
  if (!root || fstat(fd, &found) != 0) return real(fd);
  int folder = S_ISDIR(found.st_mode) && stat(root, &top) == 0 && top.st_ino == found.st_ino;
  if (!folder && !watched(fd)) return real(fd);
  if (lies) return 0;
  if (folder) note("D\n");
  else note("S %lu\n", (unsigned long)found.st_ino);
  int code = real(fd);
  if (code == 0 && folder) note("d\n");
  else if (code == 0) note("s %lu\n", (unsigned long)found.st_ino);
  return code;
}
int fsync(int fd) { return synced(fd, real_fsync); }
int fdatasync(int fd) { return synced(fd, real_fdatasync); }

/* How many of the bytes that are to be written stand there already: whole blocks are written, but their beginning may be
   what it was, and so it is after a power cut. */
static off_t same(int fd, const struct iovec *parts, int number, off_t offset) {
  char second[4096], old[4096];
  snprintf(second, sizeof second, "%s/%lu", stash ? stash : "", inode(fd));
  int before = real_open(second, O_RDONLY | O_CLOEXEC, 0);
  ssize_t known = before < 0 || number < 1 ? 0 : pread(before, old, sizeof old, offset);
  if (before >= 0) real_close(before);
  off_t count = 0;
  while (count < known && count < (off_t)parts[0].iov_len && ((const char *)parts[0].iov_base)[count] == old[count]) count++;
  return count;
}

/* A write that is a sync, too, is a write and then a sync. */
ssize_t pwritev2(int fd, const struct iovec *parts, int number, off_t offset, int flags) {
  if (!watched(fd)) return real_pwritev2(fd, parts, number, offset, flags);
  if (refused()) return -1;
  off_t kept = same(fd, parts, number, offset);
  ssize_t count = real_pwritev2(fd, parts, number, offset, flags & ~RWF_DSYNC);
  wrote(fd, count - kept, offset + count);
  if (count >= 0 && flags & RWF_DSYNC && synced(fd, real_fdatasync) != 0) return -1;
  return count;
}
ssize_t pwritev64v2(int fd, const struct iovec *parts, int number, off_t offset, int flags) {
  return pwritev2(fd, parts, number, offset, flags);
}

int rename(const char *from, const char *to) {
  int code = real_rename(from, to);
  if (code == 0 && under(to)) note("r %s %s\n", from + root_length + 1, to + root_length + 1);
  return code;
}
int link(const char *from, const char *to) {
  int code = real_link(from, to);
  if (code == 0 && under(to)) note("l %s %s\n", from + root_length + 1, to + root_length + 1);
  return code;
}
int unlink(const char *path) {
  int code = real_unlink(path);
  if (code == 0 && under(path)) note("u %s\n", path + root_length + 1);
  return code;
}
