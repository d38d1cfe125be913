"""English words that captions of garments are made of: those that tell English from the rest."""

from typing import Final

_BY_TOKENS: Final = {
    1: """
a about above abstract accents acid across add added adds after again against all alone along
also although always american among an and animal animals animated ankle another any appear
appears aqua are area argyle arm arms army around art as at athletic attractive away baby back
background bag band base be bear because been before behind beige being bell below belt beneath
beside between beyond big bigger bird bishop black blouse blue blues body bold bomber boots both
bottom bow brand breast bright brighter brightly brown buckle burgundy business bust busy but
button buttons by calf camel camouflage can cannot canvas cap capped cargo cartoon casual cat
cats center centered change changed character characters charcoal check checked checks chest
childish circle circular cleavage closed cloth clothing coat coats cold collar color colored
colorful coloring colors colour coloured colours come comes completely complex conservative
contains contrast contrasting cooler coral costume cotton could cover coverage covered covers
cream crew crop cross cuff cuffs cut cute dark darker deep deeper deeply defined denim design
designed designs desired detail detailed diamond did difference differences different distressed
do does dog done dot dots dotted down draped dress dresses during dye dyed each eagle ear either
elegant emblem embroidered embroidery empire enough ethnic even evening ever every everyday
exactly exposed fabric face faded fashionable fastened faux feature features featuring female
feminine few fewer figure figures fish fit fits fitted fitting flag flair flare flared floor
floral flower flowers flowing font for form formal four fox free fringe from front full fuller
fur further garment garments gathered geometric girl given going gold golden gothic gown graphic
graphics gray green grey guitar gun had half hand hang hangs has hat have having hawaiian he
head heart heavier heels hem henley here hers high higher him hips his hood hooded horizontal
hot how however humorous i identical if image imagery images in indian indigo inside instead
into is it item its ivory jacket jackets jean jeans jersey junior just keep keeps knee knit lace
lacy large larger lavender layered least leather left length leopard less letter lettering
letters light lighter like lime line linen lines little logo logos london long longer look
looking looks loose loosely lot low lower made make makes man manly many maroon masculine
matching material mature maxi may me mesh message metallic mid middle might mine mini minimal
mint model modest more most mostly motif motorcycle movie much multi multiple must mustard muted
my name narrower navy near neck neither neutral new no none nor not nothing now nylon of off
official often olive on once one only onto open or orange other our out outline outside oval
over oversized own padded painting paisley pale paler pants part party patriotic pattern
patterned patterns peach peasant people per perfect person photo phrase picture pictured
pictures piece pink plaid plain plainly plus pocket pockets political polka polo print printed
prints product professional prominent provided puff purple purse quarter quite rainbow rather
reach reaches really rectangular red relaxed religious remove removed replace replaced replaces
revealing right ripped rose round rounded royal rust same sand sandals satin saying says scarf
scoop sea seam see seems several shade shades shape shaped she sheath sheer shiny shirt shirts
shoe shoes short shorter shorts should shoulder shouldered shoulders show showing shown shows
side sides sign silky silver similar simple simpler since single sits size skater skeleton skin
skirt skull sleek sleeve sleeves slightly slim slit slogan small smaller sneakers so soft softer
solid some something spaghetti sports spots square squared star still stone straight strap
strapped straps strip stripe striped stripes stripped strips structured style such swap swapped
sweater sweatshirt sweetheart symbol tan tank tee text than that the their them theme themed
then there these they thick thicker thigh thin thing thinner this those though three through tie
tied ties tiger tight tighter tightly tiny to together tone toned tones too top tops toward
towards traditional train transparent trees trench trim tropical trousers tube tunic turquoise
turtle tweed two type under underwear uneven until up upon upper us used using velvet vertical
very vest vibrant vintage violet visual waist want warmer was wash washed way we wear wearing
wears well were western what when where whether which while white who whose why wide wider will
with within without wolf woman wool word words worn would wrap wrist writing written yellow yet
you your zebra zip zipper
""",
    2: """
backless baggy bandeau bardot belted blazer bodice bolder boxier buckles buttoned cami camo
cardigan checkered chevron chic chinos cinched classy collared collars colorblock colorless cowl
cropped cuffed decal denims dolman dressy duffle ecru edgy fasten fastens fleece flirty flowered
flowery flowy frilly girly halter hemline herringbone hoodie hoodies hooding houndstooth
jumpsuit keyhole knitted lacier lapel lapels legging lilac longline looser magenta mauve melon
monochrome monogram muffs necked neckline necklines notched ombre organza outerwear overcoat
parka pastel peplum pique plainer pleated pleats pocketed poplin puffed puffer puffy pullover
quilted raglan rhinestone rhinestones ribbed romper roomier rougher rounder ruched ruching
ruffle ruffled seams shinier shirred sleeved sleeveless slimmer sneaker sparkly sporty stitched
stitching strapless strappy striping suede summery sweatshirts tapered tartan teal textured
tiered trendy tulle turtleneck vividly vneck waistline windbreaker woolen wording wordy
""",
    3: """
camisole cheetah chiffon corduroy crochet crocheted culottes drawstring embossed flannel frills
gingham joggers khaki leggings monochromatic multicolored pajama pinstripe pinstripes ruffles
scalloped sequins shirtdress slouchy smocked stylish trouser tshirt twill
""",
    4: """
asymmetrical drawstrings embellishments whimsical
""",
}

WORD_TOKENS: Final = {
    word: tokens for tokens, words in _BY_TOKENS.items() for word in words.split()
}
"""How many tokens BERT's uncased vocabulary makes of each word. Function words, colors, garments
and their parts, lower case; a few spellings that other languages share are left out. They are 96 %
of the words in FashionIQ's published captions."""


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


SAMENESS: Final = _set("same identical similar alike equal matching unchanged")
GARMENTS: Final = _set("""
    blazer blouse cardigan clothing coat dress garment hoodie item jacket jeans jumper one outfit
    pair pants piece polo product shirt shoes shorts skirt sneakers suit sweater sweatshirt tee top
    trousers vest
""")
FILLER: Final = _set("""
    a an and are as be but by color colored colors colour comparison design difference differences
    different differently does from has have image images in is it its just kind like look looking
    looks model n na no none not nothing of on or other overall photo picture same shown shows
    slightly some something style t than that the there these this to type very was which with
""")
"""Words that say no difference by themselves."""
