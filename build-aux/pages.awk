# Turns src/page/*.html into pages.c: the set of templates, each under its file's name.
# Notes that fill whole lines are dropped, and a tag alone on its line takes no line, so that pages come out clean.
# usage: awk -f pages.awk src/page/*.html
function name_of(path) { sub(/.*\//, "", path); sub(/\.html$/, "", path); return path }
# "?" is escaped because C11 would read "??" and one more byte as a trigraph.
function literal(text) { gsub(/\\/, "&&", text); gsub(/"/, "\\\\&", text); gsub(/\?/, "\\\\&", text); return "\"" text "\"" }
BEGIN {
    print "/* Generated from src/page by build-aux/pages.awk. */"
    print "#include \"http/template.h\"\n\nstatic const struct template_page pages[] = {"
}
FNR == 1 { printf "%s    {\"%s\",\n     \"\"", count++ ? "},\n" : "", name_of(FILENAME) }
/^[ \t]*\{\{![^}]*(\}\}[ \t]*)?$/ { note = 1 }
note { if (/\}\}/) note = 0; next }
/^[ \t]*\{\{[#^\/>][^{}]*\}\}[ \t]*$/ { gsub(/^[ \t]+|[ \t]+$/, ""); printf "\n     %s", literal($0); next }
{ line = literal($0); sub(/"$/, "\\n\"", line); printf "\n     %s", line }
END {
    print "},\n};\n\nconst struct template_set template_pages = {pages, sizeof pages / sizeof pages[0]};"
}
