# Turns sql/query/*.sql into statements.h: an enum and a table of name, text and number of parameters.
# usage: awk -f statements.awk sql/query/*.sql
function finish(   i, most, rest, n) {
    if (name == "") return
    sub(/[ \n]*;[ \n]*$/, "", text)
    most = 0; rest = text
    while (match(rest, /\$[0-9]+/)) {
        n = substr(rest, RSTART + 1, RLENGTH - 1) + 0
        if (n > most) most = n
        rest = substr(rest, RSTART + RLENGTH)
    }
    names[++count] = name; texts[count] = text; parameters[count] = most
    name = ""; text = ""
}
/^-- name: / { finish(); name = $3; next }
/^ *--/ || /^ *$/ { next }
name != "" { line = $0; gsub(/\\/, "&&", line); gsub(/"/, "\\\"", line); sub(/^ +/, "", line); sub(/ -- .*$/, "", line); text = text (text == "" ? "" : " ") line }
END {
    finish()
    print "/* Generated from sql/query by build-aux/statements.awk. */"
    print "#ifndef MAYFLY_STORE_STATEMENTS_H\n#define MAYFLY_STORE_STATEMENTS_H\n"
    print "enum statement {"
    for (i = 1; i <= count; i++) print "    STATEMENT_" toupper(names[i]) ","
    print "    STATEMENT_COUNT\n};\n"
    print "struct statement_text {\n    const char *name;\n    const char *sql;\n    int parameters;\n};\n"
    print "extern const struct statement_text statement_texts[STATEMENT_COUNT];\n"
    print "#ifdef STATEMENTS_DEFINE"
    print "const struct statement_text statement_texts[STATEMENT_COUNT] = {"
    for (i = 1; i <= count; i++)
        printf "    {\"%s\",\n     \"%s\",\n     %d},\n", names[i], texts[i], parameters[i]
    print "};\n#endif\n\n#endif"
}
