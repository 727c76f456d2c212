"""What everybody knows, and so a guesser tries first: words, sentences, lists, keyboards."""

from __future__ import annotations

_WORDS = """
a admin administrator am an and are as at auf baseball be biscuit but by can certificate changeme
company das dein dem den der des die do dragon du ein eine einem einen el er es est et football for
from geheim go has have he hello her his i ich if ihr iloveyou im in is ist it its je key keys la le
les let letmein login los love ma master me mein meine meinen mes mi mit mon monkey my nicht no not
oder of on open opensesame or our out pass passphrase passwd password passwort phrase pki princess
private qwerty qwertz root secret secure security sesame sie sind so starwars sunshine superman that
the them they this to trustno trustwright un und une up us von was we welcome who will wir with you
your zu
"""
WORDS = frozenset(_WORDS.split())
"""Words of every sentence, and the commonest passphrases; in lower case."""

_TEXTS = """
correct horse battery staple
the quick brown fox jumps over the lazy dog
the quick brown fox jumped over the lazy dogs
franz jagt im komplett verwahrlosten taxi quer durch bayern
zwölf boxkämpfer jagen viktor quer über den großen sylter deich
portez ce vieux whisky au juge blond qui fume
pack my box with five dozen liquor jugs
to be or not to be that is the question
may the force be with you always
i think therefore i am
cogito ergo sum
lorem ipsum dolor sit amet consectetur adipiscing elit
in the beginning god created the heaven and the earth
our father who art in heaven hallowed be thy name
vater unser im himmel geheiligt werde dein name
we the people of the united states
four score and seven years ago our fathers
all animals are equal but some animals are more equal than others
it was the best of times it was the worst of times
call me ishmael some years ago
elementary my dear watson
houston we have a problem
twinkle twinkle little star how i wonder what you are
mary had a little lamb its fleece was white as snow
roses are red violets are blue sugar is sweet and so are you
habe nun ach philosophie juristerei und medizin
alle meine entchen schwimmen auf dem see
this is a password this is my password this is the passphrase
open sesame let me in trust no one
zero one two three four five six seven eight nine ten eleven twelve
null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf
un deux trois quatre cinq six sept huit neuf dix
uno dos tres cuatro cinco seis siete ocho nueve diez
alfa bravo charlie delta echo foxtrot golf hotel india juliett kilo lima mike november
lima mike november oscar papa quebec romeo sierra tango uniform victor whiskey xray yankee zulu
alpha bravo charlie delta echo foxtrot golf hotel india juliet kilo lima mike november
alpha beta gamma delta epsilon zeta eta theta iota kappa lambda
january february march april may june july august september october november december
januar februar märz april mai juni juli august september oktober november dezember
monday tuesday wednesday thursday friday saturday sunday
montag dienstag mittwoch donnerstag freitag samstag sonntag
spring summer autumn winter spring summer fall winter
red orange yellow green blue indigo violet
red green blue yellow black white
mercury venus earth mars jupiter saturn uranus neptune pluto
"""
TEXTS = tuple(f" {line} " for line in _TEXTS.strip().splitlines())
"""Texts in lower case, a blank around each word."""

ROWS = (
    *("qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "yxcvbnm", "azertyuiop", "1234567890"),
    *("!@#$%^&*()_+", '!"§$%&/()=?'),
)
"""Rows of keyboards."""

WAYS = (
    *("1q2w3e4r5t6y7u8i9o0p", "1q2w3e4r5t6z7u8i9o0p", "q1w2e3r4t5y6u7i8o9p0"),
    *("1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p", "1qay2wsx3edc4rfv5tgb6zhn7ujm8ik9ol0p"),
    *("zaq12wsxcde34rfvbgt56yhnmju78ik", "a1s2d3f4g5h6j7k8l9"),
)
"""Ways over a keyboard with digits and letters in turn."""
