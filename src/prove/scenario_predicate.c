#include "prove/scenario_predicate.h"

#include "prove/pattern.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_BYTES = 40 };

/* What a predicate compares with. */
struct operand {
    enum scenario_value_kind kind;
    double number;
    const char *bytes;
    size_t length;
};

static bool read_operand(const struct look *look, const struct scenario_value *value, struct operand *operand,
                         struct err *err)
{
    *operand = (struct operand){.kind = value->kind, .number = value->number, .bytes = "", .length = 0};
    if (value->kind == SCENARIO_BYTE_STRING) {
        operand->bytes = (const char *)value->bytes;
        operand->length = value->length;
        return true;
    }
    return variables_fill(look->variables, &value->text, look->arena, &operand->bytes, &operand->length, err);
}

static bool as_number(const char *bytes, size_t length, double *number)
{
    char text[NUMBER_BYTES], *end;

    if (length == 0 || length >= sizeof text || strchr("+-.0123456789", bytes[0]) == NULL)
        return false;
    memcpy(text, bytes, length);
    text[length] = '\0';
    *number = strtod(text, &end);
    return *end == '\0' && strlen(text) == length;
}

/* A variable is a number beside numbers, and a text otherwise. */
static bool operand_number(const struct operand *operand, double *number)
{
    *number = operand->number;
    return operand->kind == SCENARIO_NUMBER ||
           (operand->kind == SCENARIO_OF_VARIABLE && as_number(operand->bytes, operand->length, number));
}

static bool equals_word(const struct operand *operand, const char *word)
{
    return operand->kind == SCENARIO_OF_VARIABLE && operand->length == strlen(word) &&
           memcmp(operand->bytes, word, operand->length) == 0;
}

static bool equals(const struct found *found, const struct operand *operand)
{
    double number;

    switch (found->kind) {
    case FOUND_TEXT:
        return (operand->kind == SCENARIO_STRING || operand->kind == SCENARIO_OF_VARIABLE ||
                operand->kind == SCENARIO_BYTE_STRING) &&
               found->length == operand->length && memcmp(found->bytes, operand->bytes, found->length) == 0;
    case FOUND_NUMBER:
        return operand_number(operand, &number) && !islessgreater(found->number, number);
    case FOUND_BOOLEAN:
        return operand->kind == (found->yes ? SCENARIO_TRUE : SCENARIO_FALSE) ||
               equals_word(operand, found->yes ? "true" : "false");
    case FOUND_NULL:
        return operand->kind == SCENARIO_NULL || equals_word(operand, "null");
    case FOUND_LIST:
    case FOUND_NOTHING:
        break;
    }
    return false;
}

/* -1, 0 or 1; false: there is no order between them. */
static bool compare(const struct found *found, const struct operand *operand, int *order)
{
    double number;
    size_t shorter;

    if (found->kind == FOUND_NUMBER && operand_number(operand, &number)) {
        *order = isgreater(found->number, number) - isless(found->number, number);
        return true;
    }
    if (found->kind != FOUND_TEXT || operand->kind == SCENARIO_NUMBER)
        return false;
    shorter = found->length < operand->length ? found->length : operand->length;
    *order = shorter > 0 ? memcmp(found->bytes, operand->bytes, shorter) : 0;
    if (*order == 0)
        *order = (found->length > operand->length) - (found->length < operand->length);
    return true;
}

static bool contains(const struct found *found, const struct operand *operand)
{
    const json_t *element;
    size_t i;

    if (found->kind == FOUND_TEXT)
        return operand->kind != SCENARIO_NUMBER &&
               (operand->length == 0 || memmem(found->bytes, found->length, operand->bytes, operand->length) != NULL);
    if (found->kind != FOUND_LIST)
        return false;
    json_array_foreach(found->list, i, element)
    {
        struct found one = found_json(element);

        if (equals(&one, operand))
            return true;
    }
    return false;
}

static bool begins(const struct found *found, const struct operand *operand)
{
    return found->kind == FOUND_TEXT && found->length >= operand->length &&
           (operand->length == 0 || memcmp(found->bytes, operand->bytes, operand->length) == 0);
}

static bool ends(const struct found *found, const struct operand *operand)
{
    return found->kind == FOUND_TEXT && found->length >= operand->length &&
           (operand->length == 0 ||
            memcmp(found->bytes + found->length - operand->length, operand->bytes, operand->length) == 0);
}

static bool matches(const struct look *look, const struct found *found, const struct operand *operand, bool *holds,
                    struct err *err)
{
    struct pattern *pattern;
    const char *at = NULL;
    size_t length;

    *holds = false;
    if (found->kind != FOUND_TEXT)
        return true;
    if (!pattern_compile(&pattern, look->arena, operand->bytes, err) ||
        !pattern_find(pattern, found->bytes, found->length, &at, &length, err))
        return false;
    *holds = at != NULL;
    return true;
}

static bool is_empty(const struct found *found)
{
    if (found->kind == FOUND_LIST)
        return json_array_size(found->list) + json_object_size(found->list) == 0;
    return found->kind == FOUND_TEXT && found->length == 0;
}

bool predicate_holds(const struct look *look, const struct scenario_assert *assert, const struct found *found,
                     bool *holds, bool *finds_more, struct err *err)
{
    struct operand operand;
    bool has_order;
    int order = 0;

    *holds = *finds_more = false;
    if (!read_operand(look, &assert->value, &operand, err))
        return false;
    has_order = compare(found, &operand, &order);
    switch (assert->predicate) {
    case SCENARIO_EQUAL:
        *holds = equals(found, &operand);
        *finds_more = !*holds && found->kind == FOUND_NUMBER && has_order && order > 0 && !assert->is_negated;
        break;
    case SCENARIO_NOT_EQUAL:
        *holds = !equals(found, &operand);
        break;
    case SCENARIO_GREATER:
        *holds = has_order && order > 0;
        break;
    case SCENARIO_AT_LEAST:
        *holds = has_order && order >= 0;
        break;
    case SCENARIO_LESS:
        *holds = has_order && order < 0;
        break;
    case SCENARIO_AT_MOST:
        *holds = has_order && order <= 0;
        break;
    case SCENARIO_STARTS_WITH:
        *holds = begins(found, &operand);
        break;
    case SCENARIO_ENDS_WITH:
        *holds = ends(found, &operand);
        break;
    case SCENARIO_CONTAINS:
        *holds = contains(found, &operand);
        break;
    case SCENARIO_MATCHES:
        return matches(look, found, &operand, holds, err);
    case SCENARIO_EXISTS:
        *holds = found->kind != FOUND_NOTHING;
        break;
    case SCENARIO_IS_EMPTY:
        *holds = is_empty(found);
        break;
    case SCENARIO_IS_INTEGER:
        *holds = found->kind == FOUND_NUMBER && found->is_integer;
        break;
    case SCENARIO_IS_NUMBER:
        *holds = found->kind == FOUND_NUMBER;
        break;
    case SCENARIO_IS_BOOLEAN:
        *holds = found->kind == FOUND_BOOLEAN;
        break;
    case SCENARIO_IS_STRING:
        *holds = found->kind == FOUND_TEXT;
        break;
    case SCENARIO_IS_COLLECTION:
        *holds = found->kind == FOUND_LIST;
        break;
    }
    return true;
}

static const char *const predicate_words_of[] = {
    [SCENARIO_EQUAL] = "==",
    [SCENARIO_NOT_EQUAL] = "!=",
    [SCENARIO_GREATER] = ">",
    [SCENARIO_AT_LEAST] = ">=",
    [SCENARIO_LESS] = "<",
    [SCENARIO_AT_MOST] = "<=",
    [SCENARIO_STARTS_WITH] = "startsWith",
    [SCENARIO_ENDS_WITH] = "endsWith",
    [SCENARIO_CONTAINS] = "contains",
    [SCENARIO_MATCHES] = "matches",
    [SCENARIO_EXISTS] = "exists",
    [SCENARIO_IS_EMPTY] = "isEmpty",
    [SCENARIO_IS_INTEGER] = "isInteger",
    [SCENARIO_IS_NUMBER] = "isNumber",
    [SCENARIO_IS_BOOLEAN] = "isBoolean",
    [SCENARIO_IS_STRING] = "isString",
    [SCENARIO_IS_COLLECTION] = "isCollection",
};

void predicate_words(const struct look *look, const struct scenario_assert *assert, char *words, size_t size)
{
    const char *word = predicate_words_of[assert->predicate], *negated = assert->is_negated ? "not " : "";
    struct err ignored = {.kind = ERR_NONE};
    struct operand operand;
    char value[64] = "?";

    switch (assert->value.kind) {
    case SCENARIO_NO_VALUE:
        snprintf(words, size, "%s%s", negated, word);
        return;
    case SCENARIO_NULL:
    case SCENARIO_TRUE:
    case SCENARIO_FALSE:
        snprintf(value, sizeof value, "%s",
                 assert->value.kind == SCENARIO_NULL   ? "null"
                 : assert->value.kind == SCENARIO_TRUE ? "true"
                                                       : "false");
        break;
    case SCENARIO_NUMBER:
        snprintf(value, sizeof value, "%.15g", assert->value.number);
        break;
    case SCENARIO_STRING:
    case SCENARIO_PATTERN:
    case SCENARIO_OF_VARIABLE:
    case SCENARIO_BYTE_STRING:
        if (read_operand(look, &assert->value, &operand, &ignored))
            found_words(&(struct found){.kind = FOUND_TEXT, .bytes = operand.bytes, .length = operand.length}, value,
                        sizeof value);
        break;
    }
    snprintf(words, size, "%s%s %s", negated, word, value);
}
