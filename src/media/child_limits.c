#include "media/child_limits.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* 0, 1 and 2, and the copies that the image library makes of its input. */
enum { DESCRIPTORS_MAX = 8 };

static bool limit(__rlimit_resource_t resource, int64_t soft, int64_t hard)
{
    const struct rlimit limits = {(rlim_t)soft, (rlim_t)hard};

    return setrlimit(resource, &limits) == 0;
}

/* Reading what is open, memory, threads of our own, time. Nothing here has a path, a process or a network in it. */
static const int allowed[] = {
    SCMP_SYS(read),
    SCMP_SYS(pread64),
    SCMP_SYS(readv),
    SCMP_SYS(write),
    SCMP_SYS(writev),
    SCMP_SYS(lseek),
    SCMP_SYS(_llseek),
    SCMP_SYS(fstat),
    SCMP_SYS(fstat64),
    SCMP_SYS(dup),
    SCMP_SYS(close),
    SCMP_SYS(brk),
    SCMP_SYS(mmap),
    SCMP_SYS(mmap2),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(mprotect),
    SCMP_SYS(madvise),
    SCMP_SYS(futex),
    SCMP_SYS(futex_time64),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_gettime64),
    SCMP_SYS(clock_getres),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(getrandom),
    SCMP_SYS(sysinfo),
};

/*
 * A call that is not in the list fails as on a kernel that does not have it, which libraries know how to bear; being
 * killed for a call that a later libc makes would be worse for users than the call.
 */
static int filter(scmp_filter_ctx context)
{
    const struct {
        int call;
        struct scmp_arg_cmp when;
    } conditional[] = {
        /* A thread, never a process. clone3 hides its flags in memory; without it libc takes clone. */
        {SCMP_SYS(clone), {.arg = 0, .op = SCMP_CMP_MASKED_EQ, .datum_a = CLONE_THREAD, .datum_b = CLONE_THREAD}},
        /* As libc makes fstat(2). */
        {SCMP_SYS(newfstatat),
         {.arg = 3, .op = SCMP_CMP_MASKED_EQ, .datum_a = AT_EMPTY_PATH, .datum_b = AT_EMPTY_PATH}},
        /* A thread's name. */
        {SCMP_SYS(prctl), {.arg = 0, .op = SCMP_CMP_EQ, .datum_a = PR_SET_NAME}},
        /* To ask for limits, not to set them. */
        {SCMP_SYS(prlimit64), {.arg = 2, .op = SCMP_CMP_EQ, .datum_a = 0}},
        /* abort(3) signals itself; any other process is out of reach. */
        {SCMP_SYS(tgkill), {.arg = 0, .op = SCMP_CMP_EQ, .datum_a = (scmp_datum_t)getpid()}},
    };
    int failed = 0;

    for (size_t i = 0; i < sizeof allowed / sizeof allowed[0] && failed == 0; i++)
        failed = seccomp_rule_add(context, SCMP_ACT_ALLOW, allowed[i], 0);
    for (size_t i = 0; i < sizeof conditional / sizeof conditional[0] && failed == 0; i++)
        failed = seccomp_rule_add(context, SCMP_ACT_ALLOW, conditional[i].call, 1, conditional[i].when);
    return failed == 0 ? seccomp_load(context) : failed;
}

static bool filter_apply(void)
{
    scmp_filter_ctx context = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    int failed;

    if (context == NULL) {
        errno = ENOMEM;
        return false;
    }
    failed = filter(context);
    seccomp_release(context);
    errno = -failed;
    return failed == 0;
}

bool child_limits_apply(const struct child_limits *limits)
{
    return limit(RLIMIT_CORE, 0, 0) && limit(RLIMIT_NOFILE, DESCRIPTORS_MAX, DESCRIPTORS_MAX) &&
           limit(RLIMIT_FSIZE, limits->file_bytes, limits->file_bytes) &&
           limit(RLIMIT_CPU, limits->cpu_s, limits->cpu_s + 1) &&
           limit(RLIMIT_AS, limits->memory_bytes, limits->memory_bytes) && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 &&
           prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && filter_apply();
}
