#include "media/media_sniff.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define INSTALLED_PROGRAM LIBEXEC_DIR "/mayfly-sniff"

enum {
    /* Of wall-clock time. It takes some milliseconds, and may compute for a second; a busy host needs longer. */
    TIMEOUT_MS = 2000,
    /* A longer output is no known type. */
    OUTPUT_MAX_BYTES = 2 * MEDIA_TYPE_BYTES,
};

static void log_failure(const struct log *log, const struct child_result *result)
{
    static const char *const ends[] = {[CHILD_EXITED] = "exited",
                                       [CHILD_SIGNALLED] = "signalled",
                                       [CHILD_TIMEOUT] = "timeout",
                                       [CHILD_OUTPUT] = "output"};

    LOG_EVENT(log, LOG_WARN, "sniff_failed", LOG_TEXT("end", ends[result->end]), LOG_NUMBER("code", result->code),
              LOG_TEXT("complaint", result->complaint));
}

void media_sniffer_init(struct zygote *zygote, const struct config *config)
{
    static const char *const argv[] = {"mayfly-sniff", "--zygote", NULL};

    zygote_init(zygote, config->sniff_program[0] != '\0' ? config->sniff_program : INSTALLED_PROGRAM, argv);
}

static void close_file(void *arg)
{
    close(*(int *)arg);
}

/* As a file that goes with the arena: libmagic 5.46 knows a ZIP in a file only, not in memory. False: err is set. */
static bool make_file(struct arena *arena, const void *bytes, size_t length, int *fdp, struct err *err)
{
    int *fd = arena_alloc(arena, sizeof *fd);

    if (fd == NULL)
        return err_memory(err);
    *fd = *fdp = memfd_create("head", MFD_CLOEXEC);
    if (*fd < 0)
        return err_set(err, ERR_DOWN, "no memory for a file's first bytes: %s", strerror(errno));
    if (!arena_defer(arena, close_file, fd))
        return err_memory(err);
    return write(*fd, bytes, length) == (ssize_t)length ||
           err_set(err, ERR_DOWN, "no memory for a file's first bytes: %s", strerror(errno));
}

bool media_sniff_start(struct zygote *zygote, struct arena *arena, const void *bytes, size_t length,
                       struct zygote_job **job, struct err *err)
{
    struct zygote_task task = {.output_max_bytes = OUTPUT_MAX_BYTES, .timeout_ms = TIMEOUT_MS};

    return make_file(arena, bytes, length, &task.input, err) && zygote_ask(zygote, arena, &task, job, err);
}

void media_sniff_attend(const struct log *log, struct zygote_job *job, int wait_ms, bool *over,
                        char type[MEDIA_TYPE_BYTES])
{
    struct err err = {.kind = ERR_NONE};
    struct child_result result = {.output = ""};
    bool ok = zygote_attend(job, wait_ms, over, &result, &err);

    media_type_normalise(NULL, type);
    if (!ok)
        log_error(log, LOG_WARN, "sniff_failed", &err);
    else if (*over && (result.end != CHILD_EXITED || result.code != 0))
        log_failure(log, &result);
    else if (*over)
        media_type_normalise(result.output, type);
}
