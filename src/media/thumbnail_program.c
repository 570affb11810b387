/*
 * mayfly-thumbnail: reads one image from descriptor 0, writes its thumbnail to descriptor 1 and ends. It is the only
 * program of mayfly that decodes images, and gives up all rights that decoding does not need (media/child_limits.c). A
 * worker runs it as a zygote (media/zygote.h), which forks a child for each image.
 *
 * Thumbnails of opaque images are JPEG, those of transparent ones WebP: with an alpha channel WebP takes a fraction of
 * PNG's bytes for a photograph, and browsers have read it since 2020.
 */
#include "media/thumbnail_options.h"
#include "media/zygote_loop.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vips/vips.h>

/* At this size JPEG and WebP of quality 80 show no more artefacts than of 90, and take two thirds of the bytes. */
enum { QUALITY = 80 };

/* JPEG has no transparency: the background of an image that is nearly opaque becomes white, as on a page. */
static const double WHITE = 255;

/* --- ends that come from outside the main line */

static void on_cpu_limit(int signal_number)
{
    (void)signal_number;
    _exit(THUMBNAIL_LIMITS);
}

/* The status for the library's error message, since the library has no error codes. */
static enum thumbnail_status failure(const struct thumbnail_options *options)
{
    char reason[256];

    snprintf(reason, sizeof reason, "%s", vips_error_buffer());
    vips_error_clear();
    reason[strcspn(reason, "\n")] = '\0';
    /* "out of memory", "memory allocation failed", "insufficient memory" */
    return thumbnail_complain(options, strstr(reason, "memory") != NULL ? THUMBNAIL_LIMITS : THUMBNAIL_BROKEN, reason);
}

/*
 * GLib ends the process when an allocation or a thread fails; it says so here first. And while it shrinks an image,
 * libvips 8.14 only warns of a decoder's error, and goes on with a black tile.
 */
static void on_log(const char *domain, GLogLevelFlags level, const char *message, void *options)
{
    (void)domain;
    if ((level & G_LOG_LEVEL_ERROR) != 0)
        _exit(strstr(message, "allocate") != NULL || strstr(message, "creating thread") != NULL ? THUMBNAIL_LIMITS
                                                                                                : THUMBNAIL_BUG);
    if (strstr(message, "error in tile") != NULL)
        _exit((int)failure(options));
}

static bool ends_prepare(struct thumbnail_options *options)
{
    struct sigaction action = {.sa_handler = on_cpu_limit};

    g_log_set_default_handler(on_log, options);
    /* A file that is full then fails the write instead. */
    return sigaction(SIGXCPU, &action, NULL) == 0 && signal(SIGXFSZ, SIG_IGN) != SIG_ERR;
}

/* --- the image */

/* By its first bytes, in which no two of the formats can agree. The library is told to know no others either. */
static bool known_format(const unsigned char head[12])
{
    return memcmp(head, "\xFF\xD8\xFF", 3) == 0 || memcmp(head, "\x89PNG\r\n\x1A\n", 8) == 0 ||
           memcmp(head, "GIF87a", 6) == 0 || memcmp(head, "GIF89a", 6) == 0 ||
           (memcmp(head, "RIFF", 4) == 0 && memcmp(head + 8, "WEBP", 4) == 0);
}

static bool library_open(const char *program)
{
    static const char *const loaders[] = {"VipsForeignLoadJpeg", "VipsForeignLoadPng", "VipsForeignLoadNsgif",
                                          "VipsForeignLoadWebp"};

    if (vips_init(program) != 0)
        return false;
    vips_block_untrusted_set(TRUE);
    vips_operation_block_set("VipsForeignLoad", TRUE);
    for (size_t i = 0; i < sizeof loaders / sizeof loaders[0]; i++)
        vips_operation_block_set(loaders[i], FALSE);
    vips_concurrency_set(1);
    vips_cache_set_max(0);
    return true;
}

/*
 * Whether the image says what its colours mean. A profile for colours of another kind, as greyscale images have that of
 * sRGB, says nothing: browsers leave it alone, and libvips would refuse the image. Its colour space is at byte 16
 * (ICC.1, section 7.2).
 */
static bool has_profile(VipsImage *image)
{
    const char *wanted = vips_image_get_bands(image) < 3                                    ? "GRAY"
                         : vips_image_get_interpretation(image) == VIPS_INTERPRETATION_CMYK ? "CMYK"
                                                                                            : "RGB ";
    const void *bytes;
    size_t length;

    return vips_image_get_typeof(image, VIPS_META_ICC_NAME) != 0 &&
           vips_image_get_blob(image, VIPS_META_ICC_NAME, &bytes, &length) == 0 && length > 20 &&
           memcmp((const char *)bytes + 16, wanted, 4) == 0;
}

/* By the header alone; the pixels are not looked at. *profile: as has_profile. */
static enum thumbnail_status check_header(const struct thumbnail_options *options, bool *profile)
{
    VipsSource *source = vips_source_new_from_descriptor(options->input);
    VipsImage *image = NULL;
    enum thumbnail_status status = THUMBNAIL_MADE;

    if (source != NULL)
        image = vips_image_new_from_source(source, "", "access", VIPS_ACCESS_SEQUENTIAL, NULL);
    if (image == NULL)
        status = failure(options);
    else if ((int64_t)vips_image_get_width(image) * vips_image_get_height(image) > options->max_pixels)
        status = thumbnail_complain(options, THUMBNAIL_TOO_LARGE, "too many pixels");
    else if (vips_image_get_width(image) > options->max_side || vips_image_get_height(image) > options->max_side)
        status = thumbnail_complain(options, THUMBNAIL_TOO_LARGE, "too many rows or columns");
    else
        *profile = has_profile(image);
    VIPS_UNREF(image);
    VIPS_UNREF(source);
    return status;
}

/*
 * The upright thumbnail in memory, in eight bits of sRGB, with or without an alpha channel; NULL: the library failed.
 */
static VipsImage *shrink(const struct thumbnail_options *options, bool profile, bool jpeg)
{
    VipsSource *source = vips_source_new_from_descriptor(options->input);
    int box = options->box;
    VipsImage *small = NULL, *coloured = NULL, *made = NULL;

    /*
     * libvips 8.14 does not hand its option fail_on to the loader of a source; in the loader's own words it arrives. A
     * JPEG that lacks its end is shown as far as it goes, as browsers do; it fails when there is nothing of its
     * picture. And exported without a profile of its own an image would lose its blues, since its white is taken for
     * another.
     */
    if (source != NULL &&
        vips_thumbnail_source(source, &small, box, "height", box, "size", VIPS_SIZE_DOWN, "option_string",
                              jpeg ? "[fail_on=none]" : "[fail_on=error]", profile ? "export_profile" : NULL, "srgb",
                              NULL) == 0 &&
        vips_colourspace(small, &coloured, VIPS_INTERPRETATION_sRGB, NULL) == 0)
        made = vips_image_copy_memory(coloured);
    VIPS_UNREF(coloured);
    VIPS_UNREF(small);
    VIPS_UNREF(source);
    return made;
}

/* Many images have an alpha channel and are opaque all the same. False: the library failed. */
static bool look_through(VipsImage *image, bool *transparent)
{
    VipsImage *alpha = NULL;
    double least = 0;
    bool known;

    *transparent = false;
    if (!vips_image_hasalpha(image))
        return true;
    known = vips_extract_band(image, &alpha, vips_image_get_bands(image) - 1, NULL) == 0 &&
            vips_min(alpha, &least, NULL) == 0;
    *transparent = known && least < 255;
    VIPS_UNREF(alpha);
    return known;
}

/* *bytes is the caller's to g_free; NULL when it failed. */
static void encode(VipsImage *image, void **bytes, size_t *length)
{
    VipsArrayDouble *white = vips_array_double_newv(1, WHITE);
    VipsImage *opaque = NULL;
    bool transparent;

    *bytes = NULL;
    if (!look_through(image, &transparent))
        goto out;
    if (transparent)
        (void)vips_webpsave_buffer(image, bytes, length, "Q", QUALITY, "strip", TRUE, NULL);
    else if (vips_image_hasalpha(image)) {
        if (vips_flatten(image, &opaque, "background", white, NULL) == 0)
            (void)vips_jpegsave_buffer(opaque, bytes, length, "Q", QUALITY, "strip", TRUE, "optimize_coding", TRUE,
                                       NULL);
    } else
        (void)vips_jpegsave_buffer(image, bytes, length, "Q", QUALITY, "strip", TRUE, "optimize_coding", TRUE, NULL);
out:
    VIPS_UNREF(opaque);
    vips_area_unref(VIPS_AREA(white));
}

static enum thumbnail_status write_out(const struct thumbnail_options *options, const char *bytes, size_t length)
{
    if (length > THUMBNAIL_OUTPUT_MAX_BYTES)
        return thumbnail_complain(options, THUMBNAIL_LIMITS, "the thumbnail takes too many bytes");
    while (length > 0) {
        ssize_t count = write(options->output, bytes, length);

        if (count < 0)
            return thumbnail_complain(options, errno == EFBIG ? THUMBNAIL_LIMITS : THUMBNAIL_BUG, strerror(errno));
        bytes += count;
        length -= (size_t)count;
    }
    return THUMBNAIL_MADE;
}

static enum thumbnail_status make(const struct thumbnail_options *options, bool jpeg)
{
    bool profile = false;
    enum thumbnail_status status = check_header(options, &profile);
    VipsImage *image;
    void *bytes;
    size_t length;

    if (status != THUMBNAIL_MADE)
        return status;
    if (lseek(options->input, 0, SEEK_SET) != 0)
        return thumbnail_complain(options, THUMBNAIL_BUG, strerror(errno));
    image = shrink(options, profile, jpeg);
    if (image == NULL)
        return failure(options);
    encode(image, &bytes, &length);
    status = bytes != NULL ? write_out(options, bytes, length) : failure(options);
    g_free(bytes);
    VIPS_UNREF(image);
    return status;
}

/* Of anything else than a regular file the library would read everything first. */
static enum thumbnail_status check_input(const struct thumbnail_options *options, unsigned char head[12])
{
    struct stat input;

    if (fstat(options->input, &input) != 0 || !S_ISREG(input.st_mode))
        return thumbnail_complain(options, THUMBNAIL_BUG, "standard input is not a regular file");
    if (pread(options->input, head, 12, 0) != 12 || !known_format(head))
        return thumbnail_complain(options, THUMBNAIL_NO_IMAGE, "neither JPEG, PNG, WebP nor GIF");
    return THUMBNAIL_MADE;
}

static enum thumbnail_status run(const char *program, const struct thumbnail_options *options)
{
    unsigned char head[12];
    enum thumbnail_status status;

    /* The filter itself takes some memory. */
    if (!child_limits_apply(&options->limits))
        return thumbnail_complain(options, errno == ENOMEM ? THUMBNAIL_LIMITS : THUMBNAIL_BUG, strerror(errno));
    status = check_input(options, head);
    if (status != THUMBNAIL_MADE)
        return status;
    if (!library_open(program))
        return thumbnail_complain(options, THUMBNAIL_BUG, "the image library can't start");
    return make(options, head[0] == 0xFF);
}

/* --- the zygote */

/*
 * The zygote itself may have more than a child may: then nothing at all can be done, not even the library's complaint.
 */
static bool has_memory(void)
{
    enum { LEAST_BYTES = 1024 * 1024 };
    void *memory = malloc(LEAST_BYTES);

    free(memory);
    return memory != NULL;
}

static int make_one(const struct zygote_work *work, void *arg)
{
    struct thumbnail_options *options = arg;
    unsigned char head[12];
    enum thumbnail_status status;

    options->box = work->number;
    options->input = work->input;
    options->output = options->complaint = work->socket;
    if (!has_memory())
        return (int)thumbnail_complain(options, THUMBNAIL_LIMITS, "out of memory");
    status = check_input(options, head);
    return (int)(status == THUMBNAIL_MADE ? make(options, head[0] == 0xFF) : status);
}

/* As in the program for one image the library starts when no file can be opened any more, so it finds no plug-ins. */
static enum thumbnail_status serve(const char *program, struct thumbnail_options *options)
{
    struct zygote_program zygote = {.limits = options->limits, .work = make_one, .arg = options};
    struct child_filter filter;

    zygote.null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (zygote.null < 0 || !zygote_limits_apply(&filter))
        return thumbnail_complain(options, THUMBNAIL_BUG, strerror(errno));
    if (!library_open(program))
        return thumbnail_complain(options, THUMBNAIL_BUG, "the image library can't start");
    return zygote_loop(&zygote, &filter) == 0 ? THUMBNAIL_MADE : THUMBNAIL_BUG;
}

int main(int argc, char **argv)
{
    struct thumbnail_options options;
    enum thumbnail_status status;

    if (!thumbnail_options_read(&options, argc, argv, &status))
        return (int)status;
    /* One heap for all threads: each further one would reserve 128 MiB of the address space. */
    mallopt(M_ARENA_MAX, 1);
    if (!ends_prepare(&options))
        return (int)thumbnail_complain(&options, THUMBNAIL_BUG, strerror(errno));
    return (int)(options.is_zygote ? serve(argv[0], &options) : run(argv[0], &options));
}
