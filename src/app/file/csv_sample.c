#include "app/file/csv_sample.h"

#include <string.h>
#include <strings.h>

static const char delimiters[CSV_DELIMITERS] = {',', ';', '\t', ','};

/* PLAIN_COMMAS are commas other than those of decimal numbers: none in 1,5;2,5. */
enum { COMMAS, SEMICOLONS, TABS, PLAIN_COMMAS };

static bool is_digit(unsigned char byte)
{
    return byte >= '0' && byte <= '9';
}

static void count(struct csv_sample *sample, unsigned char byte)
{
    /* A comma between two digits is counted as a decimal comma when the second digit comes. */
    bool decimal = is_digit(byte) && sample->before[0] == ',' && is_digit(sample->before[1]);

    sample->count[COMMAS] += byte == ',';
    sample->count[SEMICOLONS] += byte == ';';
    sample->count[TABS] += byte == '\t';
    sample->count[PLAIN_COMMAS] += byte == ',';
    sample->count[PLAIN_COMMAS] -= decimal;
    sample->field_begins = byte == ',' || byte == ';' || byte == '\t' || byte == '\r' || byte == '\n';
}

static void end_sampled_row(struct csv_sample *sample)
{
    for (size_t i = 0; i < CSV_DELIMITERS; i++) {
        if (sample->rows == 0)
            sample->first[i] = sample->count[i];
        else
            sample->bad[i] += sample->count[i] != sample->first[i];
        sample->count[i] = 0;
    }
    sample->rows++;
    sample->has_content = false;
}

static void look_at(struct csv_sample *sample, unsigned char byte)
{
    bool opens = byte == '"' && (sample->field_begins || sample->after_quote);

    sample->after_quote = sample->quoted && byte == '"';
    sample->quoted = opens || (sample->quoted && byte != '"');
    sample->field_begins = false;
    if (!sample->quoted && !sample->after_quote)
        count(sample, byte);
    sample->before[1] = sample->before[0];
    sample->before[0] = byte;
    if (sample->quoted || (byte != '\r' && byte != '\n'))
        sample->has_content = true;
    else if (sample->has_content)
        end_sampled_row(sample);
}

/*
 * The delimiter with which the fewest rows differ from the first in their number of fields; among equals, the one that
 * the first row has most often.
 */
static char best_delimiter(struct csv_sample *sample)
{
    size_t commas, best;

    if (sample->rows == 0)
        end_sampled_row(sample);
    commas = sample->first[SEMICOLONS] > 0 || sample->first[TABS] > 0 ? PLAIN_COMMAS : COMMAS;
    best = commas;
    for (size_t i = SEMICOLONS; i <= TABS; i++) {
        bool fewer_bad = sample->bad[i] < sample->bad[best];
        bool more = sample->bad[i] == sample->bad[best] && sample->first[i] > sample->first[best];

        if (sample->first[i] > 0 && (sample->first[best] == 0 || fewer_bad || more))
            best = i;
    }
    return delimiters[best];
}

/* The length of Excel's line before the first row, sep= and the delimiter, with its line end. 0: there is none. */
static size_t separator_line(const struct csv_sample *sample)
{
    const char *text = sample->bytes, *end = text + sample->length;
    size_t length = 5;

    if (sample->length < length || strncasecmp(text, "sep=", 4) != 0 || (unsigned char)text[4] >= 0x80 ||
        strchr("\"\r\n", text[4]) != NULL)
        return 0;
    if (text + length < end && text[length] != '\r' && text[length] != '\n')
        return 0;
    if (text + length < end && text[length++] == '\r' && text + length < end && text[length] == '\n')
        length++;
    return length;
}

void csv_sample_init(struct csv_sample *sample)
{
    memset(sample, 0, sizeof *sample);
    sample->field_begins = true;
}

bool csv_sample_add(struct csv_sample *sample, char byte)
{
    look_at(sample, (unsigned char)byte);
    sample->bytes[sample->length++] = byte;
    return sample->rows == CSV_SAMPLE_ROWS || sample->length == CSV_SAMPLE_BYTES;
}

char csv_sample_delimiter(struct csv_sample *sample, size_t *skipped)
{
    *skipped = separator_line(sample);
    return *skipped > 0 ? sample->bytes[4] : best_delimiter(sample);
}
