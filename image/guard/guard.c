/* Root guard: says on the screen that the root is damaged or was changed, and starts the machine anew a minute later.

   dm-verity gives a block that differs from its hash to nobody, but what has no need of it would run on. The kernel writes such a
   block to its log, which is followed from the initial RAM disk on. This program is whole in memory: it needs nothing of the root.

   Nothing else runs once a block has differed: all processes are killed, and no new one can begin. Process 1 is left, and feeds
   the hardware's watchdog. */

#include <fcntl.h>
#include <linux/kd.h>
#include <linux/vt.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <unistd.h>

#define SHOWN_S 60
#define QUIET "1" /* the kernel's console: emergencies alone */
#define FEWEST_THREADS "20" /* the least that the kernel takes, and fewer than it has of its own */

static const char WORDS[] =
    "\033c\033[?25l\033[2J\033[3;1H"
    "   Den h\xc3\xa4r stationen har stannat.\r\n\r\n"
    "   Programmet \xc3\xa4r skadat eller \xc3\xa4ndrat.\r\n"
    "   Ring supporten. G\xc3\xa5 till en annan station.\r\n\r\n"
    "   Stationen startar om inom en minut.\r\n\r\n\r\n"
    "   This station has stopped.\r\n\r\n"
    "   Its software is damaged or was changed.\r\n"
    "   Call support. Please use another station.\r\n\r\n"
    "   The station restarts within a minute.\r\n";

/* A record is `priority,number,time,flags;text`. Only the kernel writes with a priority below 8. */
static int tells_of_damage(const char *record)
{
    const char *text = strchr(record, ';');
    return record[0] >= '0' && record[0] <= '7' && record[1] == ',' && text != NULL && strstr(text, ": verity: ") != NULL
        && strstr(text, "is corrupted") != NULL;
}

static void put(int file, const char *text, size_t length)
{
    if (write(file, text, length) < 0) { /* the machine is stopped without it too */
    }
}

static void stop_all(int threads)
{
    put(threads, FEWEST_THREADS, strlen(FEWEST_THREADS));
    kill(1, SIGRTMIN + 21); /* process 1 tells of units on the screen no more (systemd(1), signals) */
    for (int round = 0; round < 3; round++) {
        kill(-1, SIGKILL);
        sleep(1);
    }
}

/* Written again and again: whoever was about to write there has ended by then, or writes no more. */
static void show(int screen)
{
    ioctl(screen, VT_ACTIVATE, 1);
    ioctl(screen, KDSETMODE, KD_TEXT);
    for (int second = 0; second < SHOWN_S; second += 5) {
        put(screen, WORDS, sizeof WORDS - 1);
        sleep(5);
    }
}

int main(int count, char **words)
{
    char record[8192];
    int log = open("/dev/kmsg", O_RDONLY | O_CLOEXEC);
    int screen = open("/dev/tty1", O_WRONLY | O_CLOEXEC | O_NOCTTY);
    int threads = open("/proc/sys/kernel/threads-max", O_WRONLY | O_CLOEXEC);
    int console = open("/proc/sys/kernel/printk", O_WRONLY | O_CLOEXEC);
    if (count < 1 || log < 0 || threads < 0 || mlockall(MCL_CURRENT | MCL_FUTURE) != 0)
        return 1;
    words[0][0] = '@'; /* systemd leaves such a process alone when it goes over to the root */
    for (;;) {
        ssize_t length = read(log, record, sizeof record - 1);
        if (length < 0) /* records were overwritten before they were read: the next read goes on behind them */
            continue;
        record[length] = 0;
        if (tells_of_damage(record))
            break;
    }
    put(console, QUIET, strlen(QUIET));
    stop_all(threads);
    show(screen);
    reboot(RB_AUTOBOOT);
    return 1;
}
