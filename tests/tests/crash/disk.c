/* A disk that loses power: keeps, in a second folder, what the files of a folder
 * would hold if only that were left which was synced.
 *
 * Preloaded into a process, it hears of every write below FORGETFUL_FOLDER and
 * copies what was written to FORGETFUL_KEPT when the file is synced. Nothing is
 * really synced: the process is killed, not the machine.
 *
 * With FULL_AT it is a full disk, too: no file below the folder may grow beyond
 * so many bytes. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct range { off_t at; size_t length; };
struct file { char name[512]; struct range *ranges; size_t count, room; };

static struct file files[64];
static size_t file_count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

/* The name of an open file below the folder. */
static int name_of(int fd, char *name, size_t room) {
    const char *folder = getenv("FORGETFUL_FOLDER");
    char link[64], path[1024];
    if (!folder) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    size_t prefix = strlen(folder);
    if (length <= 0) return 0;
    path[length] = 0;
    if (strncmp(path, folder, prefix) || path[prefix] != '/') return 0;
    if (strchr(path + prefix + 1, '/')) return 0;
    return snprintf(name, room, "%s", path + prefix + 1) < (int)room;
}

static struct file *file_of(const char *name) {
    for (size_t n = 0; n < file_count; n++)
        if (!strcmp(files[n].name, name)) return &files[n];
    if (file_count == sizeof files / sizeof *files) abort();
    strcpy(files[file_count].name, name);
    return &files[file_count++];
}

static void wrote(int fd, off_t at, ssize_t length) {
    char name[512];
    if (length <= 0 || !name_of(fd, name, sizeof name)) return;
    pthread_mutex_lock(&lock);
    struct file *file = file_of(name);
    if (file->count == file->room) {
        file->room = file->room ? file->room * 2 : 64;
        file->ranges = realloc(file->ranges, file->room * sizeof *file->ranges);
        if (!file->ranges) abort();
    }
    file->ranges[file->count++] = (struct range){at, (size_t)length};
    pthread_mutex_unlock(&lock);
}

static int keep(int fd) {
    char name[512], path[1600];
    const char *kept = getenv("FORGETFUL_KEPT");
    REAL(pwrite64);
    if (!kept || !name_of(fd, name, sizeof name)) return 0;
    pthread_mutex_lock(&lock);
    struct file *file = file_of(name);
    snprintf(path, sizeof path, "%s/%s", kept, name);
    int to = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    struct stat now;
    if (to < 0 || fstat(fd, &now)) abort();
    for (size_t n = 0; n < file->count; n++) {
        static char bytes[1 << 16];
        off_t at = file->ranges[n].at, end = at + (off_t)file->ranges[n].length;
        while (at < end) {
            size_t part = (size_t)(end - at) < sizeof bytes ? (size_t)(end - at) : sizeof bytes;
            ssize_t got = pread(fd, bytes, part, at);
            if (got <= 0) break;
            if (real(to, bytes, (size_t)got, at) != got) abort();
            at += got;
        }
    }
    if (ftruncate64(to, now.st_size)) abort();
    file->count = 0;
    close(to);
    pthread_mutex_unlock(&lock);
    return 0;
}

/* Whether there is no room for a file that ends here. */
static int is_full(int fd, off_t end) {
    char name[512];
    struct stat now;
    const char *most = getenv("FULL_AT");
    if (!most || end <= atoll(most) || !name_of(fd, name, sizeof name)) return 0;
    if (!fstat(fd, &now) && end <= now.st_size) return 0;
    errno = ENOSPC;
    return 1;
}

ssize_t write(int fd, const void *bytes, size_t length) {
    REAL(write);
    off_t at = lseek(fd, 0, SEEK_CUR);
    if (at >= 0 && is_full(fd, at + (off_t)length)) return -1;
    ssize_t done = real(fd, bytes, length);
    if (at >= 0) wrote(fd, at, done);
    return done;
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) {
    REAL(pwrite);
    if (is_full(fd, at + (off_t)length)) return -1;
    ssize_t done = real(fd, bytes, length, at);
    wrote(fd, at, done);
    return done;
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) {
    REAL(pwrite64);
    if (is_full(fd, at + (off_t)length)) return -1;
    ssize_t done = real(fd, bytes, length, at);
    wrote(fd, at, done);
    return done;
}

int fsync(int fd) { return keep(fd); }
int fdatasync(int fd) { return keep(fd); }
