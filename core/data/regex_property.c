/* Properties of characters in patterns: \p{Letter}, \p{gc=Lu}, \p{Script=Greek}.
 *
 * PCRE2 knows general categories by their short names only; the others are here. Names of scripts
 * and of what is true or false of a character it knows all, and tells which it does not. */
#include "regex_private.h"
#include "text.h"

/* General categories, by the names that PCRE2 does not know. */
static const struct {
    const char *name, *short_name;
} categories[] = {
    {"Cased_Letter", "L&"},
    {"LC", "L&"},
    {"Close_Punctuation", "Pe"},
    {"Combining_Mark", "M"},
    {"Connector_Punctuation", "Pc"},
    {"Control", "Cc"},
    {"cntrl", "Cc"},
    {"Currency_Symbol", "Sc"},
    {"Dash_Punctuation", "Pd"},
    {"Decimal_Number", "Nd"},
    {"digit", "Nd"},
    {"Enclosing_Mark", "Me"},
    {"Final_Punctuation", "Pf"},
    {"Format", "Cf"},
    {"Initial_Punctuation", "Pi"},
    {"Letter", "L"},
    {"Letter_Number", "Nl"},
    {"Line_Separator", "Zl"},
    {"Lowercase_Letter", "Ll"},
    {"Mark", "M"},
    {"Math_Symbol", "Sm"},
    {"Modifier_Letter", "Lm"},
    {"Modifier_Symbol", "Sk"},
    {"Nonspacing_Mark", "Mn"},
    {"Number", "N"},
    {"Open_Punctuation", "Ps"},
    {"Other", "C"},
    {"Other_Letter", "Lo"},
    {"Other_Number", "No"},
    {"Other_Punctuation", "Po"},
    {"Other_Symbol", "So"},
    {"Paragraph_Separator", "Zp"},
    {"Private_Use", "Co"},
    {"Punctuation", "P"},
    {"punct", "P"},
    {"Separator", "Z"},
    {"Space_Separator", "Zs"},
    {"Spacing_Mark", "Mc"},
    {"Surrogate", "Cs"},
    {"Symbol", "S"},
    {"Titlecase_Letter", "Lt"},
    {"Unassigned", "Cn"},
    {"Uppercase_Letter", "Lu"},
};

static bool is_word(const char *from, const char *to, const char *word) {
    size_t len = strlen(word);
    return (size_t)(to - from) == len && memcmp(from, word, len) == 0;
}

static bool is_one_of(const char *from, const char *to, const char *const *words) {
    while (*words && !is_word(from, to, *words)) {
        words++;
    }
    return *words != NULL;
}

static void put_name(hy_buf_t *out, const char *from, const char *to) {
    for (size_t i = 0; i < sizeof categories / sizeof *categories; i++) {
        if (is_word(from, to, categories[i].name)) {
            hy_buf_text(out, categories[i].short_name);
            return;
        }
    }
    hy_buf_add(out, from, (size_t)(to - from));
}

bool hy__regex_property(const char **at, const char *end, hy_buf_t *out) {
    static const char *const general[] = {"gc", "General_Category", NULL};
    static const char *const script[] = {"sc", "Script", "scx", "Script_Extensions", NULL};
    static const char *const foreign[] = {"Xan", "Xps", "Xsp",
                                          "Xuc", "Xwd", NULL}; /* PCRE2's own */
    const char *name = *at, *value = NULL;
    if (name == end || *name++ != '{') return false;
    const char *to = name;
    for (; to < end && (hy__is_alnum((unsigned char)*to) || *to == '_' || *to == '='); to++) {
        if (*to != '=') continue;
        if (value) return false;
        value = to + 1;
    }
    if (to == end || *to != '}' || to == name || to == value) return false;
    if (value && is_one_of(name, value - 1, general)) {
        name = value;
    } else if (value && !is_one_of(name, value - 1, script)) {
        return false;
    }
    if (is_one_of(name, to, foreign)) return false;
    if (out) {
        hy_buf_char(out, '{');
        put_name(out, name, to);
        hy_buf_char(out, '}');
    }
    *at = to + 1;
    return true;
}
