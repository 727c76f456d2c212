"""Digests as words: the PGP word list (Juola and Zimmermann, 1995).

Even octets read as words of two syllables, odd octets as words of three, so that a word left out,
said twice or swapped with its neighbour is heard. Words compare without regard to case.

    >>> digest_words("e58294f2")
    ['topmost', 'Istanbul', 'Pluto', 'vagabond']
    >>> digest_of("Topmost istanbul-pluto vagabond")
    'e58294f2'
"""

from __future__ import annotations

import re
from functools import cache

from trustwright.errors import ConfigurationError

_TWO = """
aardvark absurd accrue acme adrift adult afflict ahead aimless Algol allow alone ammo ancient apple
artist assume Athens atlas Aztec baboon backfield backward banjo beaming bedlamp beehive beeswax
befriend Belfast berserk billiard bison blackjack blockade blowtorch bluebird bombast bookshelf
brackish breadline breakup brickyard briefcase Burbank button buzzard cement chairlift chatter
checkup chisel choking chopper Christmas clamshell classic classroom cleanup clockwork cobra
commence concert cowbell crackdown cranky crowfoot crucial crumpled crusade cubic dashboard deadbolt
deckhand dogsled dragnet drainage dreadful drifter dropper drumbeat drunken Dupont dwelling eating
edict egghead eightball endorse endow enlist erase escape exceed eyeglass eyetooth facial fallout
flagpole flatfoot flytrap fracture framework freedom frighten gazelle Geiger glitter glucose goggles
goldfish gremlin guidance hamlet highchair hockey indoors indulge inverse involve island jawbone
keyboard kickoff kiwi klaxon locale lockup merit minnow miser Mohawk mural music necklace Neptune
newborn nightbird Oakland obtuse offload optic orca payday peachy pheasant physique playhouse Pluto
preclude prefer preshrunk printer prowler pupil puppy python quadrant quiver quota ragtime ratchet
rebirth reform regain reindeer rematch repay retouch revenge reward rhythm ribcage ringbolt robust
rocker ruffled sailboat sawdust scallion scenic scorecard Scotland seabird select sentence shadow
shamrock showgirl skullcap skydive slingshot slowdown snapline snapshot snowcap snowslide solo
southward soybean spaniel spearhead spellbind spheroid spigot spindle spyglass stagehand stagnate
stairway standard stapler steamship sterling stockman stopwatch stormy sugar surmount suspense
sweatband swelter tactics talon tapeworm tempest tiger tissue tonic topmost tracker transit trauma
treadmill Trojan trouble tumor tunnel tycoon uncut unearth unwind uproot upset upshot vapor village
virus Vulcan waffle wallet watchword wayside willow woodlark Zulu
"""
TWO_SYLLABLES = tuple(_TWO.split())
"""Words for octets at even positions, by value."""

_THREE = """
adroitness adviser aftermath aggregate alkali almighty amulet amusement antenna applicant Apollo
armistice article asteroid Atlantic atmosphere autopsy Babylon backwater barbecue belowground
bifocals bodyguard bookseller borderline bottomless Bradbury bravado Brazilian breakaway Burlington
businessman butterfat Camelot candidate cannonball Capricorn caravan caretaker celebrate cellulose
certify chambermaid Cherokee Chicago clergyman coherence combustion commando company component
concurrent confidence conformist congregate consensus consulting corporate corrosion councilman
crossover crucifix cumbersome customer Dakota decadence December decimal designing detector
detergent determine dictator dinosaur direction disable disbelief disruptive distortion document
embezzle enchanting enrollment enterprise equation equipment escapade Eskimo everyday examine
existence exodus fascinate filament finicky forever fortitude frequency gadgetry Galveston getaway
glossary gossamer graduate gravity guitarist hamburger Hamilton handiwork hazardous headwaters
hemisphere hesitate hideaway holiness hurricane hydraulic impartial impetus inception indigo inertia
infancy inferno informant insincere insurgent integrate intention inventive Istanbul Jamaica Jupiter
leprosy letterhead liberty maritime matchmaker maverick Medusa megaton microscope microwave
midsummer millionaire miracle misnomer molasses molecule Montana monument mosquito narrative nebula
newsletter Norwegian October Ohio onlooker opulent Orlando outfielder Pacific pandemic Pandora
paperweight paragon paragraph paramount passenger pedigree Pegasus penetrate perceptive performance
pharmacy phonetic photograph pioneer pocketful politeness positive potato processor provincial
proximate puberty publisher pyramid quantity racketeer rebellion recipe recover repellent replica
reproduce resistor responsive retraction retrieval retrospect revenue revival revolver sandalwood
sardonic Saturday savagery scavenger sensation sociable souvenir specialist speculate stethoscope
stupendous supportive surrender suspicious sympathy tambourine telephone therapist tobacco tolerance
tomorrow torpedo tradition travesty trombonist truncated typewriter ultimate undaunted underfoot
unicorn unify universe unravel upcoming vacancy vagabond vertigo Virginia visitor vocalist voyager
warranty Waterloo whimsical Wichita Wilmington Wyoming yesteryear Yucatan
"""
THREE_SYLLABLES = tuple(_THREE.split())
"""Words for octets at odd positions, by value."""

# A request holds texts that its author chooses, so whoever swaps a request can try them until its
# digest begins with the words of the true one. For 32 bits an hour of one processor is enough, for
# 64 bits it takes hundreds of thousands of years of one.
CONFIRMED_WORDS = 8
"""How many words of a digest a person types back: 64 bits."""


def digest_words(hexdigest: str) -> list[str]:
    """Return one word for each octet of a hex digest.

    Raises:
        ConfigurationError: not an even number of hex digits (rule ``WORDS-HEX``).
    """
    try:
        octets = bytes.fromhex(hexdigest)
    except ValueError:
        raise ConfigurationError("not hex digits", rule="WORDS-HEX") from None
    lists = (TWO_SYLLABLES, THREE_SYLLABLES)
    return [lists[place % 2][octet] for place, octet in enumerate(octets)]


def words_of(hexdigest: str, count: int = 8) -> str:
    """Return the first `count` words in groups of four: ``a-b-c-d e-f-g-h``."""
    words = digest_words(hexdigest)[:count]
    return " ".join("-".join(words[start : start + 4]) for start in range(0, len(words), 4))


def digest_of(text: str) -> str:
    """Return the hex digits that words stand for; spaces, hyphens and commas part them.

    Raises:
        ConfigurationError: a word that is not in the list of its place (rule ``WORDS-UNKNOWN``).
    """
    words = [word for word in re.split(r"[\s,-]+", text.strip()) if word]
    return "".join(f"{_octet(word, place):02x}" for place, word in enumerate(words))


def _octet(word: str, place: int) -> int:
    found = _values(place % 2).get(word.lower())
    if found is None:
        other = _values(1 - place % 2).get(word.lower())
        hint = "a word is missing or said twice" if other is not None else "check the spelling"
        raise ConfigurationError(
            f"word {place + 1} is not in the list of its place", rule="WORDS-UNKNOWN", hint=hint
        )
    return found


@cache
def _values(parity: int) -> dict[str, int]:
    words = THREE_SYLLABLES if parity else TWO_SYLLABLES
    return {word.lower(): value for value, word in enumerate(words)}
