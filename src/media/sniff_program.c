/*
 * mayfly-sniff: reads the first bytes of one file from descriptor 0, writes its type by libmagic to descriptor 1 and
 * ends. It is the only program of mayfly that uses libmagic, and gives up all rights that guessing does not need
 * (media/child_limits.c) as soon as the table of types is loaded. A worker runs it as a zygote (media/zygote.h), which
 * forks a child for each file.
 */
#include "media/media_type.h"
#include "media/zygote_loop.h"

#include <errno.h>
#include <fcntl.h>
#include <magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    /* A tenth of it is the table and libraries. A file that is made to exhaust libmagic takes more than all of it. */
    MEMORY_BYTES = 128 * 1024 * 1024,
    /* The shortest time that can be set; ordinary files take a millisecond. */
    CPU_S = 1,
};

static const char usage[] =
    "usage: mayfly-sniff <FILE\n"
    "\n"
    "Prints the media type of a file by its first bytes. Standard input must be a regular file.\n"
    "\n"
    "      --zygote   do so in a child for each file that comes through the socket on descriptor 0,\n"
    "                 as mayfly-worker starts this program\n"
    "  -V, --version  print the version and exit\n"
    "  -h, --help     print this and exit\n"
    "\n"
    "Exit status: 0 printed, 1 the type is not known or the program failed\n";

/*
 * Limits of libmagic for one file: it has had endless loops and deep recursion, and its default limits are meant for
 * the command line.
 */
static const struct {
    int parameter;
    size_t most;
} bounds[] = {
    {MAGIC_PARAM_BYTES_MAX, MEDIA_TYPE_SNIFF_BYTES},
    {MAGIC_PARAM_INDIR_MAX, 15},
    {MAGIC_PARAM_NAME_MAX, 30},
    {MAGIC_PARAM_ELF_PHNUM_MAX, 128},
    {MAGIC_PARAM_ELF_SHNUM_MAX, 128},
    {MAGIC_PARAM_ELF_NOTES_MAX, 64},
    {MAGIC_PARAM_REGEX_MAX, 4096},
};

static int fail(const char *reason)
{
    fprintf(stderr, "mayfly-sniff: %s\n", reason != NULL ? reason : "no reason is given");
    return 1;
}

static bool load(magic_t magic)
{
    if (magic_load(magic, NULL) != 0)
        return false;
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++)
        if (magic_setparam(magic, bounds[i].parameter, &bounds[i].most) != 0)
            return false;
    return true;
}

static const struct child_limits limits = {MEMORY_BYTES, CPU_S, 0};

/*
 * By the descriptor, which holds the first bytes and no more: magic_buffer of libmagic 5.46 does not know a ZIP. NULL:
 * *complaint says why.
 */
static const char *type_of(magic_t magic, int fd, const char **complaint)
{
    const char *type = NULL;

    *complaint = NULL;
    if (lseek(fd, 0, SEEK_SET) != 0)
        *complaint = strerror(errno);
    else if ((type = magic_descriptor(magic, fd)) == NULL)
        *complaint = magic_error(magic);
    if (type == NULL && *complaint == NULL)
        *complaint = "";
    return type;
}

static int sniff(magic_t magic)
{
    const char *type, *complaint;

    if (!child_limits_apply(&limits))
        return fail(strerror(errno));
    type = type_of(magic, STDIN_FILENO, &complaint);
    if (type == NULL)
        return fail(complaint);
    return puts(type) >= 0 && fflush(stdout) == 0 ? 0 : fail(strerror(errno));
}

/* In a child of the zygote. */
static int sniff_one(const struct zygote_work *work, void *arg)
{
    const char *complaint, *type = type_of(arg, work->input, &complaint);

    if (type == NULL) {
        (void)!zygote_write(work, complaint, strlen(complaint));
        return 1;
    }
    return zygote_write(work, type, strlen(type)) ? 0 : 1;
}

static int serve(magic_t magic)
{
    struct zygote_program program = {.limits = limits, .work = sniff_one, .arg = magic};
    struct child_filter filter;

    program.null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (program.null < 0 || !zygote_limits_apply(&filter))
        return fail(strerror(errno));
    return zygote_loop(&program, &filter);
}

int main(int argc, char **argv)
{
    bool zygote = argc == 2 && strcmp(argv[1], "--zygote") == 0;
    magic_t magic;
    int status;

    if (argc > 1 && !zygote) {
        bool version = strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0;
        bool help = strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0;

        if (!version && !help)
            return fail("wrong usage; try --help");
        fputs(version ? "mayfly-sniff " VERSION "\n" : usage, stdout);
        return 0;
    }
    /* Looking into archives would start programs. */
    magic = magic_open(MAGIC_MIME_TYPE | MAGIC_NO_CHECK_COMPRESS | MAGIC_NO_CHECK_ELF);
    if (magic == NULL)
        return fail("out of memory");
    if (!load(magic))
        status = fail(magic_error(magic));
    else
        status = zygote ? serve(magic) : sniff(magic);
    magic_close(magic);
    return status;
}
