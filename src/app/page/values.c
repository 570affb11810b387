#include "app/page/values.h"

bool values_set_text(json_t *object, const char *name, const char *text)
{
    return text == NULL || json_object_set_new(object, name, json_string(text)) == 0;
}

bool values_set_true(json_t *object, const char *name)
{
    return json_object_set_new(object, name, json_true()) == 0;
}
