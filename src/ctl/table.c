#include "ctl/table.h"

#include "base/utf8.h"
#include "ctl/terminal.h"

#include <stdio.h>
#include <string.h>

/* A column that is cut keeps this many columns, or as many as its title has. */
enum { CUT_LEAST = 8 };

#define ELLIPSIS "\xE2\x80\xA6"

struct table_row {
    struct table_row *next;
    const char *cells[TABLE_COLUMNS_MAX];
};

void table_init(struct table *table, struct arena *arena, const struct table_column *columns, size_t count)
{
    *table = (struct table){.columns = columns, .count = count, .arena = arena};
    for (size_t i = 0; i < count; i++)
        table->widths[i] = terminal_width(columns[i].title);
}

bool table_add(struct table *table, const char *const *cells, struct err *err)
{
    struct table_row *row = arena_alloc(table->arena, sizeof *row);

    if (row == NULL)
        return err_memory(err);
    row->next = NULL;
    for (size_t i = 0; i < table->count; i++) {
        size_t width;

        row->cells[i] = utf8_repair(table->arena, cells[i], strlen(cells[i]));
        if (row->cells[i] == NULL)
            return err_memory(err);
        width = terminal_width(row->cells[i]);
        if (width > table->widths[i])
            table->widths[i] = width;
    }
    if (table->last != NULL)
        table->last->next = row;
    else
        table->first = row;
    table->last = row;
    return true;
}

static size_t width_of_row(const size_t *widths, size_t count)
{
    size_t sum = count - 1;

    for (size_t i = 0; i < count; i++)
        sum += widths[i];
    return sum;
}

static size_t least_width(const struct table_column *column)
{
    size_t title = terminal_width(column->title);

    return title > CUT_LEAST ? title : CUT_LEAST;
}

/*
 * Shortens the widest column that may be cut until the row fits. A row that can't be made to fit wraps in the terminal.
 */
static void fit(const struct table *table, size_t *widths)
{
    struct terminal_size size;

    memcpy(widths, table->widths, sizeof table->widths);
    if (!terminal_size(&size))
        return;
    while (width_of_row(widths, table->count) > size.columns) {
        size_t widest = table->count;

        for (size_t i = 0; i < table->count; i++)
            if (!table->columns[i].is_whole && widths[i] > least_width(&table->columns[i]) &&
                (widest == table->count || widths[i] > widths[widest]))
                widest = i;
        if (widest == table->count)
            return;
        widths[widest]--;
    }
}

static void print_cell(const char *cell, size_t width, bool is_last)
{
    size_t taken = terminal_width(cell);

    if (taken > width)
        printf("%.*s%s", (int)terminal_fit(cell, width - 1), cell, ELLIPSIS);
    else
        fputs(cell, stdout);
    if (!is_last)
        printf("%*s", (int)(taken < width ? width - taken : 0) + 1, "");
}

static void print_row(const char *const *cells, const size_t *widths, size_t count)
{
    for (size_t i = 0; i < count; i++)
        print_cell(cells[i], widths[i], i + 1 == count);
}

static void print_head(const struct table *table, const size_t *widths)
{
    const char *titles[TABLE_COLUMNS_MAX];
    bool colours = terminal_has_colours();

    for (size_t i = 0; i < table->count; i++)
        titles[i] = table->columns[i].title;
    if (colours)
        fputs(TERMINAL_BOLD, stdout);
    print_row(titles, widths, table->count);
    puts(colours ? TERMINAL_PLAIN : "");
}

void table_print(struct table *table)
{
    size_t widths[TABLE_COLUMNS_MAX];

    fit(table, widths);
    if (!table->has_head)
        print_head(table, widths);
    table->has_head = true;
    for (const struct table_row *row = table->first; row != NULL; row = row->next) {
        print_row(row->cells, widths, table->count);
        puts("");
    }
    table->first = table->last = NULL;
}
