#include "media/child_limits.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    /* A channel and a socket for each child, and what it began with. */
    ZYGOTE_DESCRIPTORS_MAX = 64,
    /* Stands for the child's process id, which is not known when the filter is made; no process can have it. */
    PROCESS_ID = 0x7FFFFFF1,
};

static bool limit(__rlimit_resource_t resource, int64_t soft, int64_t hard)
{
    const struct rlimit limits = {(rlim_t)soft, (rlim_t)hard};

    return setrlimit(resource, &limits) == 0;
}

/* Reading open descriptors, memory, threads of its own, time. No call here takes a path, a process or an address. */
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

/* Calls that only a zygote may use. Its children get a second filter, since the first one can't be removed. */
static const int forking[] = {
    SCMP_SYS(clone),      SCMP_SYS(wait4),   SCMP_SYS(kill),        SCMP_SYS(tgkill),
    SCMP_SYS(socketpair), SCMP_SYS(recvmsg), SCMP_SYS(sendmsg),     SCMP_SYS(sendto),
    SCMP_SYS(shutdown),   SCMP_SYS(ppoll),   SCMP_SYS(dup2),        SCMP_SYS(dup3),
    SCMP_SYS(prctl),      SCMP_SYS(getppid), SCMP_SYS(close_range), SCMP_SYS(prlimit64),
};

struct condition {
    int call;
    struct scmp_arg_cmp when;
};

/* Which of these a child may use, and which both may use. */
static const struct condition allowed_when[] = {
    /* A thread, never a process. clone3 hides its flags in memory; without it libc takes clone. */
    {SCMP_SYS(clone), {.arg = 0, .op = SCMP_CMP_MASKED_EQ, .datum_a = CLONE_THREAD, .datum_b = CLONE_THREAD}},
    /* A thread's name. */
    {SCMP_SYS(prctl), {.arg = 0, .op = SCMP_CMP_EQ, .datum_a = PR_SET_NAME}},
    /* To ask for limits, not to set them. */
    {SCMP_SYS(prlimit64), {.arg = 2, .op = SCMP_CMP_EQ, .datum_a = 0}},
    /* abort(3) signals itself; any other process is out of reach. */
    {SCMP_SYS(tgkill), {.arg = 0, .op = SCMP_CMP_EQ, .datum_a = PROCESS_ID}},
    /* As libc makes fstat(2). */
    {SCMP_SYS(newfstatat), {.arg = 3, .op = SCMP_CMP_MASKED_EQ, .datum_a = AT_EMPTY_PATH, .datum_b = AT_EMPTY_PATH}},
};

/* The opposite, for a filter that forbids. */
static const struct condition forbidden_when[] = {
    {SCMP_SYS(clone), {.arg = 0, .op = SCMP_CMP_MASKED_EQ, .datum_a = CLONE_THREAD, .datum_b = 0}},
    {SCMP_SYS(prctl), {.arg = 0, .op = SCMP_CMP_NE, .datum_a = PR_SET_NAME}},
    {SCMP_SYS(prlimit64), {.arg = 2, .op = SCMP_CMP_NE, .datum_a = 0}},
    {SCMP_SYS(tgkill), {.arg = 0, .op = SCMP_CMP_NE, .datum_a = PROCESS_ID}},
    {SCMP_SYS(recvmsg), {.arg = 0, .op = SCMP_CMP_NE, .datum_a = CHILD_CHANNEL}},
};

static bool is_forking(int call)
{
    for (size_t i = 0; i < sizeof forking / sizeof forking[0]; i++)
        if (forking[i] == call)
            return true;
    return false;
}

static int add(scmp_filter_ctx context, uint32_t action, const struct condition *condition)
{
    struct scmp_arg_cmp when = condition->when;

    if (condition->call == SCMP_SYS(tgkill) && action == SCMP_ACT_ALLOW)
        when.datum_a = (scmp_datum_t)getpid();
    return seccomp_rule_add(context, action, condition->call, 1, when);
}

/*
 * A call that is not in the list fails as on a kernel that does not have it, which libraries can handle. A process that
 * is killed for a call of a later libc would do users more harm than the call.
 */
static int allow(scmp_filter_ctx context, bool forks)
{
    int failed = 0;

    for (size_t i = 0; i < sizeof allowed / sizeof allowed[0] && failed == 0; i++)
        failed = seccomp_rule_add(context, SCMP_ACT_ALLOW, allowed[i], 0);
    for (size_t i = 0; forks && i < sizeof forking / sizeof forking[0] && failed == 0; i++)
        failed = seccomp_rule_add(context, SCMP_ACT_ALLOW, forking[i], 0);
    for (size_t i = 0; i < sizeof allowed_when / sizeof allowed_when[0] && failed == 0; i++)
        if (!forks || !is_forking(allowed_when[i].call))
            failed = add(context, SCMP_ACT_ALLOW, &allowed_when[i]);
    return failed == 0 ? seccomp_load(context) : failed;
}

static bool filter_apply(bool forks)
{
    scmp_filter_ctx context = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    int failed;

    if (context == NULL) {
        errno = ENOMEM;
        return false;
    }
    failed = allow(context, forks);
    seccomp_release(context);
    errno = -failed;
    return failed == 0;
}

static int forbid(scmp_filter_ctx context)
{
    const size_t conditions = sizeof forbidden_when / sizeof forbidden_when[0];
    int failed = 0;

    for (size_t i = 0; i < conditions && failed == 0; i++)
        failed = add(context, SCMP_ACT_ERRNO(ENOSYS), &forbidden_when[i]);
    for (size_t i = 0; i < sizeof forking / sizeof forking[0] && failed == 0; i++) {
        bool conditional = false;

        for (size_t j = 0; j < conditions; j++)
            conditional = conditional || forbidden_when[j].call == forking[i];
        if (!conditional)
            failed = seccomp_rule_add(context, SCMP_ACT_ERRNO(ENOSYS), forking[i], 0);
    }
    return failed;
}

/* Finds where the filter compares the process id. There must be exactly one place. */
static struct sock_filter *find_process_id(struct child_filter *filter)
{
    struct sock_filter *found = NULL;

    for (size_t i = 0; i < filter->length; i++)
        if (BPF_CLASS(filter->code[i].code) == BPF_JMP && filter->code[i].k == PROCESS_ID) {
            if (found != NULL)
                return NULL;
            found = &filter->code[i];
        }
    return found;
}

static bool filter_make(struct child_filter *filter)
{
    scmp_filter_ctx context = seccomp_init(SCMP_ACT_ALLOW);
    int fd = memfd_create("filter", MFD_CLOEXEC);
    bool made = context != NULL && fd >= 0 && forbid(context) == 0 && seccomp_export_bpf(context, fd) == 0;
    ssize_t length = made ? pread(fd, filter->code, sizeof filter->code, 0) : 0;

    if (context != NULL)
        seccomp_release(context);
    if (fd >= 0)
        close(fd);
    filter->length = (unsigned short)((size_t)length / sizeof filter->code[0]);
    if (length > 0 && filter->length < CHILD_FILTER_MAX && find_process_id(filter) != NULL)
        return true;
    errno = EINVAL;
    return false;
}

/* Limits that a child inherits from its zygote and can't undo. */
static bool give_up_privileges(void)
{
    return limit(RLIMIT_CORE, 0, 0) && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 &&
           prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

static bool limit_all(const struct child_limits *limits)
{
    return limit(RLIMIT_NOFILE, CHILD_DESCRIPTORS_MAX, CHILD_DESCRIPTORS_MAX) &&
           limit(RLIMIT_FSIZE, limits->file_bytes, limits->file_bytes) &&
           limit(RLIMIT_CPU, limits->cpu_s, limits->cpu_s + 1) &&
           limit(RLIMIT_AS, limits->memory_bytes, limits->memory_bytes);
}

bool child_limits_apply(const struct child_limits *limits)
{
    return limit_all(limits) && give_up_privileges() && filter_apply(false);
}

bool zygote_limits_apply(struct child_filter *filter)
{
    return filter_make(filter) && limit(RLIMIT_NOFILE, ZYGOTE_DESCRIPTORS_MAX, ZYGOTE_DESCRIPTORS_MAX) &&
           give_up_privileges() && filter_apply(true);
}

bool child_limits_complete(const struct child_limits *limits, const struct child_filter *filter)
{
    struct child_filter own = *filter;
    struct sock_fprog program = {.len = own.length, .filter = own.code};
    struct sock_filter *process_id = find_process_id(&own);

    if (process_id == NULL || !limit_all(limits))
        return false;
    process_id->k = (uint32_t)getpid();
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}
