/* A disk that takes 5 ms longer for every sync. Preloaded into a process; changes nothing else. */

#define _GNU_SOURCE
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void wait_5_ms(void)
{
    struct timespec rest = {0, 5 * 1000 * 1000};
    while (nanosleep(&rest, &rest) != 0)
        ;
}

int fsync(int fd)
{
    wait_5_ms();
    return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    wait_5_ms();
    return (int)syscall(SYS_fdatasync, fd);
}
