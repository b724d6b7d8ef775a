"""Tiny language models with random weights, made on the spot; each returns its folder."""
# SPDX-License-Identifier: BSD-3-Clause

__all__ = ["llama", "sentence_model", "t5"]


def llama(folder, n_dims=32, seed=0, *, begins=False, **config):
    """Write a causal Llama that knows the words w0 to w59; ``config`` changes its configuration."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    words = ["<s>", "</s>", "<unk>", "Item:", *(f"w{number}" for number in range(60))]
    vocabulary = {word: number for number, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    if begins:
        template = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
        tokenizer.post_processor = template
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(folder)
    settings = {
        "vocab_size": len(words),
        "hidden_size": n_dims,
        "intermediate_size": 2 * n_dims,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": 32,
        "initializer_range": 0.2,
        "bos_token_id": 0,
        "eos_token_id": 1,
    }
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        LlamaForCausalLM(LlamaConfig(**settings | config)).save_pretrained(folder)
    return folder


def t5(folder, words, seed=0, **shape):
    """Write a T5 that reads the given words, digits and marks; ``shape`` goes into its config."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
    from transformers import AutoConfig, AutoModelForSeq2SeqLM, PreTrainedTokenizerFast

    known = [*"0123456789:;,?.", "item", "text", "similar", "items", *words]
    vocabulary = {word: number for number, word in enumerate(["<pad>", "</s>", "<unk>"])}
    for word in known:
        vocabulary.setdefault(word, len(vocabulary))
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Whitespace(), pre_tokenizers.Digits(individual_digits=True)]
    )
    names = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)
    fast.save_pretrained(folder)
    settings = {
        "vocab_size": len(vocabulary) + 3,  # real ones leave room, too
        "d_model": 16,
        "d_kv": 8,
        "d_ff": 32,
        "num_layers": 2,
        "num_heads": 2,
        "decoder_start_token_id": 0,
    }
    config = AutoConfig.for_model(shape.pop("family", "t5"), **settings | shape)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        AutoModelForSeq2SeqLM.from_config(config).save_pretrained(folder)
    return folder


def sentence_model(folder, n_dims, seed=0, *, words=None, dropout=0.1):
    """Write a BERT with mean pooling that reads the given words, or else letters.

    Returns
    -------
    folder : Path
        Of the model for sentence-transformers; the BERT alone stands beside it.
    """
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers import BertConfig, BertModel

    tokenizer = _word_pieces(words)
    tokenizer.save_pretrained(folder / "bert")
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=n_dims,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=2 * n_dims,
        max_position_embeddings=64,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        BertModel(config).save_pretrained(folder / "bert")
    model = SentenceTransformer(str(folder / "bert"), device="cpu")
    model.save(str(folder / "model"), create_model_card=False)
    return folder / "model"


def _word_pieces(words):
    """Tokenizer that knows these words, or spells them out."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    known = [*letters, *(f"##{letter}" for letter in letters)] if words is None else list(words)
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocabulary = {word: number for number, word in enumerate([*special, *known])}
    model = models.WordPiece if words is None else models.WordLevel
    tokenizer = Tokenizer(model(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = {f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)
