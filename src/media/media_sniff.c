#include "media/media_sniff.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define INSTALLED_PROGRAM LIBEXEC_DIR "/mayfly-sniff"

enum {
    /* Of wall-clock time. It takes some milliseconds; its own limit of computing is a second, and a busy host does other things. */
    TIMEOUT_MS = 2000,
    /* A type and a line's end; what is longer is no known type. */
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

bool media_sniff_start(const struct config *config, struct arena *arena, const void *bytes, size_t length,
                       struct child_running **running, struct err *err)
{
    static const char *const argv[] = {"mayfly-sniff", NULL};
    struct child child = {.program = config->sniff_program[0] != '\0' ? config->sniff_program : INSTALLED_PROGRAM,
                          .argv = argv,
                          .output_max_bytes = OUTPUT_MAX_BYTES,
                          .timeout_ms = TIMEOUT_MS};
    bool ok;

    child.input = memfd_create("head", MFD_CLOEXEC);
    if (child.input < 0)
        return err_set(err, ERR_DOWN, "no memory for a file's first bytes: %s", strerror(errno));
    ok = write(child.input, bytes, length) == (ssize_t)length && lseek(child.input, 0, SEEK_SET) == 0;
    ok = (ok || err_set(err, ERR_DOWN, "no memory for a file's first bytes: %s", strerror(errno))) &&
         child_start(&child, arena, running, err);
    close(child.input);
    return ok;
}

void media_sniff_attend(const struct log *log, struct child_running *running, int wait_ms, bool *over,
                        char type[MEDIA_TYPE_BYTES])
{
    struct err err = {.kind = ERR_NONE};
    struct child_result result = {.output = ""};
    bool ok = child_attend(running, wait_ms, over, &result, &err);

    media_type_normalise(NULL, type);
    if (!ok)
        log_error(log, LOG_WARN, "sniff_failed", &err);
    else if (*over && (result.end != CHILD_EXITED || result.code != 0))
        log_failure(log, &result);
    else if (*over)
        media_type_normalise(result.output, type);
}
