/* The kernel's own clock_nanosleep, before libfaketime's: that one, up to 0.9.10, refuses each sleep of Python's by the
 * monotonic clock where this clock is left alone (https://github.com/wolfcw/libfaketime/issues/426). */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *until, struct timespec *left) {
    int saved = errno;
    int refused = syscall(SYS_clock_nanosleep, clock, flags, until, left) ? errno : 0;
    errno = saved;
    return refused;
}
