/* Fails, kills or stops a process at its k-th write, fsync, open or send of a file whose path has a word in it.
 *
 * Loaded with LD_PRELOAD. What is to happen stands in the file that KORTKIOSK_FAILING_CALLS names, mapped by every process that has
 * it; the tests write it at any time (campaigns/faults/failing_calls.py has the same layout). Calls of other files pass.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

enum call { WRITE = 1, SYNC, OPEN, SEND };
enum act { FAIL_ONCE = 1, FAIL_FOR_GOOD, KILL, STOP };

struct plan {
    _Atomic int armed;   /* 0: nothing happens, nothing is counted */
    int call, act, error;
    int at;              /* the call that is struck, counted from 1 */
    _Atomic int count;   /* how many such calls there were */
    _Atomic int struck;
    char word[100];
};

static struct plan *plan;

__attribute__((constructor)) static void load(void)
{
    const char *name = getenv("KORTKIOSK_FAILING_CALLS");
    int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
    if (name == NULL)
        return;
    int file = real(name, O_RDWR | O_CLOEXEC);
    if (file < 0)
        return;
    void *mapped = mmap(NULL, sizeof *plan, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (mapped != MAP_FAILED)
        plan = mapped;
}

/* Whether this call fails; errno says why. It may never return. */
static int strikes(enum call call, const char *path)
{
    if (!plan->word[0] || strstr(path, plan->word) == NULL || plan->call != (int)call)
        return 0;
    int count = atomic_fetch_add(&plan->count, 1) + 1;
    if (count < plan->at || (count > plan->at && plan->act != FAIL_FOR_GOOD))
        return 0;
    atomic_fetch_add(&plan->struck, 1);
    switch (plan->act) {
    case KILL:
        kill(getpid(), SIGKILL);
        return 0;
    case STOP:
        kill(getpid(), SIGSTOP);
        return 0;
    }
    errno = plan->error;
    return 1;
}

static int strikes_file(enum call call, int file)
{
    char link[40], path[512];
    if (plan == NULL || !atomic_load(&plan->armed))
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = 0;
    return strikes(call, path);
}

#define REAL(name) static typeof(name) *real; if (real == NULL) real = dlsym(RTLD_NEXT, #name)

ssize_t pwrite(int file, const void *bytes, size_t size, off_t at) { REAL(pwrite); return strikes_file(WRITE, file) ? -1 : real(file, bytes, size, at); }
ssize_t pwrite64(int file, const void *bytes, size_t size, off64_t at) { REAL(pwrite64); return strikes_file(WRITE, file) ? -1 : real(file, bytes, size, at); }
int fsync(int file) { REAL(fsync); return strikes_file(SYNC, file) ? -1 : real(file); }
int fdatasync(int file) { REAL(fdatasync); return strikes_file(SYNC, file) ? -1 : real(file); }
/* Of connections to other programs: the pair by which an event loop wakes itself never fails. */
static int is_line(int file)
{
    struct sockaddr_storage name;
    socklen_t size = sizeof name;
    if (plan == NULL || !atomic_load(&plan->armed))
        return 0;
    return getsockname(file, (struct sockaddr *)&name, &size) == 0 && name.ss_family != AF_UNIX;
}

ssize_t send(int file, const void *bytes, size_t size, int flags) { REAL(send); return is_line(file) && strikes_file(SEND, file) ? -1 : real(file, bytes, size, flags); }

/* OpenSSL writes to its sockets by this one. */
ssize_t write(int file, const void *bytes, size_t size)
{
    REAL(write);
    return strikes_file(is_line(file) ? SEND : WRITE, file) ? -1 : real(file, bytes, size);
}

#define OPENS(name) \
int name(const char *path, int flags, ...) \
{ \
    REAL(name); \
    va_list more; \
    va_start(more, flags); \
    mode_t mode = va_arg(more, mode_t); \
    va_end(more); \
    if (plan != NULL && atomic_load(&plan->armed) && strikes(OPEN, path)) \
        return -1; \
    return real(path, flags, mode); \
}

OPENS(open)
OPENS(open64)
