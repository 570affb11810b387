#!/usr/bin/perl
# Prints the table of src/base/marks.c from perl's own Unicode data: ranges of combining marks (general category M), and of
# what NFKD turns into text that begins with one (UAX #15, section 13: non-starters), as the half-width sound marks of kana.
use v5.30;
use Unicode::Normalize qw(NFKD getCombinClass);
use Unicode::UCD;

my (@ranges, $last);
for my $code (0 .. 0x10FFFF) {
    next if $code >= 0xD800 && $code <= 0xDFFF;
    my $begins = ord(NFKD(chr $code));
    next unless chr($code) =~ /\p{M}/ || getCombinClass($code) != 0 || getCombinClass($begins) != 0;
    if (defined $last && $code == $last + 1) {
        $ranges[-1][1] = $code;
    } else {
        push @ranges, [$code, $code];
    }
    $last = $code;
}
say "/* Unicode ", Unicode::UCD::UnicodeVersion(), " */";
printf "{0x%04X, 0x%04X},\n", @$_ for @ranges;
