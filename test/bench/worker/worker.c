// The jobs that the bench times: worker JOB COUNT [FILE]. Prints the time of one operation in ns.
// It is C, and static, so that its own cost does not drown what the sensor adds.
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void call_getppid(const char *unused)
{
	(void)unused;
	syscall(SYS_getppid);
}

static void open_close(const char *file)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		err(1, "open %s", file);
	close(fd);
}

// A connection to a port on which nobody listens: refused at once.
static void connect_close(const char *unused)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(1), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)unused;
	if (fd < 0)
		err(1, "make a socket");
	connect(fd, (struct sockaddr *)&to, sizeof(to));
	close(fd);
}

// posix_spawn shares the memory until the exec, so no page table is copied.
static void spawn_and_wait(const char *file)
{
	char *argv[] = {(char *)file, NULL}, *envp[] = {NULL};
	int status, failed;
	pid_t pid;

	failed = posix_spawn(&pid, file, NULL, NULL, argv, envp);
	if (failed)
		errx(1, "start %s: %s", file, strerror(failed));
	if (waitpid(pid, &status, 0) != pid || status != 0)
		errx(1, "wait for %s: status %d", file, status);
}

// What never sleeps is timed by the processor time it takes, in which the sensor's programs are: on a quiet machine that
// is the time that passes, and on a busy one it leaves out who else ran meanwhile.
static const struct {
	const char *name;
	void (*once)(const char *file);
	clockid_t clock;
} jobs[] = {
	{"getppid", call_getppid, CLOCK_THREAD_CPUTIME_ID},
	{"open", open_close, CLOCK_THREAD_CPUTIME_ID},
	{"connect", connect_close, CLOCK_THREAD_CPUTIME_ID},
	{"exec", spawn_and_wait, CLOCK_MONOTONIC},
};

static double now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

int main(int argc, char **argv)
{
	const char *file = argc > 3 ? argv[3] : "";
	long count = argc > 2 ? atol(argv[2]) : 0;

	for (size_t j = 0; j < sizeof(jobs) / sizeof(*jobs); j++) {
		if (argc < 2 || strcmp(argv[1], jobs[j].name) || count <= 0)
			continue;
		for (long i = 0; i < count / 100; i++)
			jobs[j].once(file);
		double begin = now(jobs[j].clock);
		for (long i = 0; i < count; i++)
			jobs[j].once(file);
		printf("%.3f\n", (now(jobs[j].clock) - begin) / count);
		return 0;
	}
	errx(2, "usage: worker getppid|open|connect|exec COUNT [FILE]");
}
