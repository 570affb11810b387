#include "base/character.h"

#include <unictype.h>
#include <uniwidth.h>

bool character_is_hidden(uint32_t code)
{
    return uc_is_property_default_ignorable_code_point(code) || code == 0x2800;
}

bool character_is_space(uint32_t code)
{
    return uc_is_property_white_space(code);
}

bool character_is_modifier(uint32_t code)
{
    return uc_is_property_join_control(code) || uc_is_property_variation_selector(code);
}

size_t character_width(uint32_t code)
{
    int width = uc_width(code, "UTF-8");

    return width >= 0 ? (size_t)width : 1;
}
