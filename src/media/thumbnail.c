#include "media/thumbnail.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define INSTALLED_PROGRAM LIBEXEC_DIR "/mayfly-thumbnail"

static void log_end(const struct log *log, enum log_level level, const struct child_result *result)
{
    static const char *const ends[] = {[CHILD_EXITED] = "exited",
                                       [CHILD_SIGNALLED] = "signalled",
                                       [CHILD_TIMEOUT] = "timeout",
                                       [CHILD_OUTPUT] = "output"};

    LOG_EVENT(log, level, "thumbnail_failed", LOG_TEXT("end", ends[result->end]), LOG_NUMBER("code", result->code),
              LOG_TEXT("complaint", result->complaint));
}

static bool refuse(enum thumbnail_status status, const struct config *config, const struct child_result *result,
                   struct err *err)
{
    switch (status) {
    case THUMBNAIL_MADE:
        return true;
    case THUMBNAIL_NO_IMAGE:
        return err_set(err, ERR_TYPE, "only JPEG, PNG, WebP and GIF images have thumbnails");
    case THUMBNAIL_TOO_LARGE:
        return err_set(err, ERR_LARGE,
                       "an image of more than %" PRId64 " pixels, or more than %" PRId64
                       " rows or columns, gets no thumbnail; send it smaller",
                       config->thumbnail_max_pixels, config->thumbnail_max_side);
    case THUMBNAIL_BROKEN:
        return err_set(err, ERR_VALUE, "the image is damaged or cut off, so it has no thumbnail");
    case THUMBNAIL_LIMITS:
        return err_set(err, ERR_VALUE, "the image takes too much work to make a thumbnail of it");
    case THUMBNAIL_BUG:
        break;
    }
    return err_set(err, ERR_BUG, "mayfly-thumbnail ended with %d: %s", (int)status, result->complaint);
}

/* A decoder crashes because of the image. The log says so; the client only gets the error of a broken image. */
static enum thumbnail_status status_of(const struct child_result *result)
{
    switch (result->end) {
    case CHILD_EXITED:
        return (enum thumbnail_status)result->code;
    case CHILD_SIGNALLED:
        /* The kernel's, when memory is out or CPU time is over. */
        return result->code == SIGKILL || result->code == SIGXCPU ? THUMBNAIL_LIMITS : THUMBNAIL_BROKEN;
    case CHILD_TIMEOUT:
    case CHILD_OUTPUT:
        break;
    }
    return THUMBNAIL_LIMITS;
}

static bool take(const struct child_result *result, struct thumbnail *thumbnail, struct err *err)
{
    const char *bytes = result->output;
    size_t length = result->output_length;

    thumbnail->bytes = bytes;
    thumbnail->length = length;
    if (length > 3 && memcmp(bytes, "\xFF\xD8\xFF", 3) == 0)
        thumbnail->type = "image/jpeg";
    else if (length > 12 && memcmp(bytes, "RIFF", 4) == 0 && memcmp(bytes + 8, "WEBP", 4) == 0)
        thumbnail->type = "image/webp";
    return thumbnail->type != NULL || err_set(err, ERR_BUG, "mayfly-thumbnail made something else");
}

void thumbnailer_init(struct thumbnailer *thumbnailer, const struct config *config)
{
    const struct {
        const char *option;
        int64_t number;
    } options[THUMBNAIL_OPTIONS] = {
        {"--max-pixels", config->thumbnail_max_pixels},
        {"--max-side", config->thumbnail_max_side},
        {"--memory-bytes", config->thumbnail_memory_bytes},
        {"--cpu-s", config->thumbnail_cpu_s},
    };
    const char **argv = thumbnailer->argv;

    *argv++ = "mayfly-thumbnail";
    *argv++ = "--zygote";
    for (size_t i = 0; i < THUMBNAIL_OPTIONS; i++) {
        snprintf(thumbnailer->texts[i], THUMBNAIL_OPTION_BYTES, "%" PRId64, options[i].number);
        *argv++ = options[i].option;
        *argv++ = thumbnailer->texts[i];
    }
    *argv = NULL;
    zygote_init(&thumbnailer->zygote,
                config->thumbnail_program[0] != '\0' ? config->thumbnail_program : INSTALLED_PROGRAM,
                thumbnailer->argv);
}

bool thumbnail_start(struct thumbnailer *thumbnailer, const struct config *config, struct arena *arena, int input,
                     int box, struct zygote_job **job, struct err *err)
{
    const struct zygote_task task = {.number = box,
                                     .input = input,
                                     .output_max_bytes = THUMBNAIL_OUTPUT_MAX_BYTES,
                                     .timeout_ms = config->thumbnail_timeout_ms};

    if (box < THUMBNAIL_BOX_MIN || box > THUMBNAIL_BOX_MAX)
        return err_field(err, ERR_INPUT, "size", "size is from %d to %d pixels", THUMBNAIL_BOX_MIN, THUMBNAIL_BOX_MAX);
    if (lseek(input, 0, SEEK_SET) != 0)
        return err_set(err, ERR_BUG, "an image is not in a regular file: %s", strerror(errno));
    return zygote_ask(&thumbnailer->zygote, arena, &task, job, err);
}

bool thumbnail_attend(const struct config *config, const struct log *log, struct zygote_job *job, int wait_ms,
                      bool *over, struct thumbnail *thumbnail, struct err *err)
{
    struct child_result result;
    enum thumbnail_status status;

    if (!zygote_attend(job, wait_ms, over, &result, err))
        return false;
    if (!*over)
        return true;
    *thumbnail = (struct thumbnail){.cpu_ms = result.cpu_ms};
    status = status_of(&result);
    if (result.end != CHILD_EXITED)
        log_end(log, LOG_WARN, &result);
    else if (status != THUMBNAIL_MADE)
        log_end(log, LOG_DEBUG, &result);
    return refuse(status, config, &result, err) && take(&result, thumbnail, err);
}

bool thumbnail_make(struct thumbnailer *thumbnailer, const struct config *config, const struct log *log,
                    struct arena *arena, int input, int box, struct thumbnail *thumbnail, struct err *err)
{
    struct zygote_job *job;
    bool over = false;

    if (!thumbnail_start(thumbnailer, config, arena, input, box, &job, err))
        return false;
    while (!over)
        if (!thumbnail_attend(config, log, job, (int)config->thumbnail_timeout_ms, &over, thumbnail, err))
            return false;
    return true;
}
