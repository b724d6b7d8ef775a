"""Readable, distinct titles for the items of a made-up shop."""
# SPDX-License-Identifier: BSD-3-Clause

import numpy as np

from skace._typing import IdArray, IntArray

__all__ = ["CATEGORIES", "STYLES", "make_titles"]

# Product words of different categories are distinct, and so are the adjectives of different
# styles: titles of different cells cannot meet.
CATEGORIES: dict[str, tuple[str, ...]] = {
    "Lips": (
        "Lipstick", "Lip Gloss", "Lip Balm", "Lip Liner", "Lip Oil", "Lip Stain",
        "Lip Scrub", "Lip Mask", "Lip Primer", "Lip Crayon",
    ),
    "Eyes": (
        "Mascara", "Eye Shadow", "Eye Pencil", "Brow Gel", "Lash Serum", "Eye Cream",
        "Brow Wax", "Eye Palette", "Kohl Stick", "Eye Primer",
    ),
    "Face": (
        "Foundation", "Concealer", "Blush", "Bronzer", "Highlighter", "Setting Powder",
        "Face Primer", "Tinted Cream", "Contour Stick", "Setting Spray",
    ),
    "Skin Care": (
        "Cleanser", "Toner", "Day Cream", "Night Cream", "Face Serum", "Clay Mask",
        "Face Oil", "Sheet Mask", "Peeling", "Micellar Water",
    ),
    "Hair Care": (
        "Shampoo", "Conditioner", "Hair Mask", "Hair Oil", "Styling Gel", "Hair Spray",
        "Curl Cream", "Scalp Tonic", "Dry Shampoo", "Hair Serum",
    ),
    "Nails": (
        "Nail Polish", "Top Coat", "Base Coat", "Cuticle Oil", "Nail File", "Polish Remover",
        "Nail Hardener", "Nail Stickers", "Hand Serum", "Cuticle Cream",
    ),
    "Bath": (
        "Shower Gel", "Bath Salt", "Bubble Bath", "Soap Bar", "Body Scrub", "Bath Bomb",
        "Bath Oil", "Shower Foam", "Foot Soak", "Sponge",
    ),
    "Fragrance": (
        "Eau de Parfum", "Eau de Toilette", "Cologne", "Body Mist", "Perfume Oil", "Solid Perfume",
        "Room Spray", "Scented Candle", "Reed Diffuser", "Incense",
    ),
    "Body Care": (
        "Body Lotion", "Body Butter", "Hand Cream", "Foot Balm", "Massage Oil", "Deodorant",
        "Body Oil", "Elbow Balm", "Talcum Powder", "Body Milk",
    ),
    "Sun Care": (
        "Sun Lotion", "Sun Spray", "After Sun Gel", "Tanning Oil", "Sun Stick", "Self Tanner",
        "Sun Cream", "Sun Fluid", "Cooling Mist", "Sun Balm",
    ),
    "Shaving": (
        "Shaving Cream", "Aftershave", "Beard Oil", "Razor", "Shaving Brush", "Beard Balm",
        "Shaving Soap", "Moustache Wax", "Beard Comb", "Shaving Gel",
    ),
    "Tools": (
        "Powder Brush", "Hair Brush", "Tweezers", "Lash Curler", "Make-up Bag", "Hand Mirror",
        "Hair Dryer", "Comb", "Blending Pad", "Nail Scissors",
    ),
}  # fmt: skip

STYLES: dict[str, tuple[str, ...]] = {
    "luxurious": ("Velvet", "Satin", "Golden", "Royal", "Silk", "Diamond", "Imperial", "Opulent"),
    "natural": ("Organic", "Wild", "Botanic", "Meadow", "Earthy", "Raw", "Leafy", "Rustic"),
    "playful": ("Bubbly", "Candy", "Neon", "Sparkly", "Funky", "Jolly", "Pixie", "Rainbow"),
    "clinical": (
        "Dermal",
        "Neutral",
        "Active",
        "Sterile",
        "Balanced",
        "Repair",
        "Precise",
        "Sensitive",
    ),
    "vintage": ("Antique", "Retro", "Classic", "Heritage", "Timeless", "Victorian", "Deco", "Old"),
    "sporty": ("Turbo", "Endurance", "Swift", "Arctic", "Power", "Marathon", "Alpine", "Extreme"),
    "exotic": ("Tropical", "Spicy", "Sultry", "Desert", "Safari", "Jungle", "Monsoon", "Amber"),
    "calming": ("Quiet", "Gentle", "Dreamy", "Serene", "Cloudy", "Soothing", "Mellow", "Drowsy"),
}

_NOTES = (
    "Rose", "Lavender", "Vanilla", "Citrus", "Mint", "Cedar", "Jasmine", "Honey", "Almond", "Peach",
    "Cherry", "Fig", "Coconut", "Lotus", "Sage", "Violet", "Ginger", "Lemon", "Olive", "Pearl",
    "Coral", "Plum", "Apricot", "Iris",
)  # fmt: skip


def make_titles(category: IntArray, style: IntArray, rng: np.random.Generator) -> IdArray:
    """One title per item, such as "Velvet Rose Lipstick"; no two are equal."""
    adjectives, products = list(STYLES.values()), list(CATEGORIES.values())
    n_adjectives, n_products, n_notes = len(adjectives[0]), len(products[0]), len(_NOTES)
    n_titles = n_adjectives * n_notes * n_products
    cells = category * len(STYLES) + style
    titles = np.empty(cells.size, dtype=object)
    for cell in np.unique(cells):
        members = np.flatnonzero(cells == cell)
        edition, word = np.divmod(np.arange(members.size), n_titles)
        word, product = np.divmod(rng.permutation(n_titles)[word], n_products)
        adjective, note = np.divmod(word, n_notes)
        first, last = adjectives[cell % len(STYLES)], products[cell // len(STYLES)]
        titles[members] = [
            f"{first[a]} {_NOTES[n]} {last[p]}" + (f" No. {e + 1}" if e else "")
            for a, n, p, e in zip(adjective, note, product, edition, strict=True)
        ]
    return titles.astype(np.str_)
