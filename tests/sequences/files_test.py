import csv
import gzip

import numpy as np
import pytest

from keras_rbm import sequences
from keras_rbm.sequences import DNA, RNA, Alphabet

FASTA = ">one first\nACD-\nEF\n>two\nAC.XEF\n>three\nACDDEW\n"
PLAIN = ["ACD-EF", "AC--EF", "ACDDEW"]


@pytest.fixture
def write(tmp_path):
    def put(name, text):
        path = tmp_path / name
        if name.endswith(".gz"):
            with gzip.open(path, "wt") as file:
                file.write(text)
        else:
            path.write_text(text)
        return path

    return put


@pytest.mark.parametrize("name", ["a.fasta", "a.fa.gz", "A.FASTA"])
def test_fasta(write, name):
    found = sequences.read(write(name, FASTA))
    assert found.strings() == PLAIN
    assert found.names == ("one first", "two", "three")
    assert found.unknown == 1
    assert found.index("one") == 0
    np.testing.assert_array_equal(found.positions, range(1, 7))


def test_unknown_letters_become_missing_entries(write):
    found = sequences.read(write("a.fasta", FASTA), unknown="missing")
    assert found.strings()[1] == "AC-?EF"
    hot = found.one_hot()[[1]].reshape(6, 21)
    assert np.isnan(hot[3]).all()
    assert np.isfinite(np.delete(hot, 3, axis=0)).all()
    assert found.unknown == 1


def test_a2m_leaves_insertions_out(write):
    text = ">one\nAC.aDEF\n>two\nACkl-EF\n>three\nACD.ef-F\n"
    for name in ("a.a2m", "a.a3m.gz"):
        found = sequences.read(write(name, text))
        assert found.strings() == ["ACDEF", "AC-EF", "ACD-F"]


def test_stockholm_keeps_the_numbers_of_its_columns(write):
    text = (
        "# STOCKHOLM 1.0\n#=GF ID test\n"
        "one/1-4  AC.DE\ntwo/2-6  A-kDE\n"
        "#=GC RF  xx.xx\n//\n"
    )
    found = sequences.read(write("a.sto", text))
    assert found.strings() == ["ACDE", "A-DE"]
    np.testing.assert_array_equal(found.positions, [1, 2, 4, 5])
    assert found.names[0].startswith("one")


def test_insertions_of_a_reference_have_numbers(write):
    path = write("a.a2m", ">ref\nACdeFG-H\n>two\n.AC..FXGH\n")
    family = sequences.read(path)
    own = family.columns_of("ref")
    np.testing.assert_array_equal(own.positions, [1, 2, 5, 6, 7])
    assert own.strings() == ["ACFGH", "ACF-H"]
    other = family[[1]].columns_of("two", first=0)
    np.testing.assert_array_equal(other.positions, [0, 1, 2, 4, 5])
    data = sequences.family(path, reference="ref", first_position=11)
    np.testing.assert_array_equal(data.positions, [11, 12, 15, 16, 17])


def test_removed_columns_of_stockholm_have_numbers(write):
    text = "# STOCKHOLM 1.0\nref ACD.F-GX\ntwo A.kDFEG-\n//\n"
    family = sequences.read(write("a.sto", text))
    np.testing.assert_array_equal(family.positions, [1, 2, 4, 5, 6, 7, 8])
    own = family.columns_of("ref")
    np.testing.assert_array_equal(own.positions, [1, 2, 4, 5])
    other = family.columns_of("two")
    np.testing.assert_array_equal(other.positions, [1, 3, 4, 5, 6])


def test_csv(write):
    text = "Name,Sequence\none,ACD-EF\ntwo,ACDDEF\n"
    found = sequences.read(write("a.csv", text))
    assert found.strings() == ["ACD-EF", "ACDDEF"]
    assert found.names == ("one", "two")
    found = sequences.read(write("b.csv", "sequence\nAC\nAD\n"))
    assert found.names == ("1", "2")


def test_a_format_by_name(write):
    path = write("family.txt", FASTA)
    assert sequences.read(path, format="fasta").strings() == PLAIN
    with pytest.raises(ValueError, match="`path` must end with one of"):
        sequences.read(path)
    with pytest.raises(ValueError, match="format='clustal'"):
        sequences.read(path, format="clustal")


@pytest.mark.parametrize(
    ("alphabet", "strings"),
    [
        (RNA, ["ACGU-", "A--UU"]),
        (DNA, ["ACGT-", "A--TT"]),
        (Alphabet("01-"), ["01-10", "11111"]),
    ],
)
def test_other_alphabets(write, alphabet, strings):
    text = "".join(f">{i}\n{s}\n" for i, s in enumerate(strings))
    found = sequences.read(write("a.fasta", text), alphabet)
    assert found.strings() == strings
    assert found.units.categories == len(alphabet)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.fasta", "", "which is empty"),
        ("a.fasta", "\n \n", "which is empty"),
        ("a.fasta", "ACDE\n", "must begin with a header"),
        ("a.fasta", ">one\nACDE\n", "at least 2 sequences"),
        ("a.fasta", ">one\nACDE\n>two\nACD\n", "same length: align them"),
        ("a.fasta", ">one\nACDE\n>two\n", "must have letters"),
        ("a.fasta", ">one\nACDE\n>two\nACdE\n", 'format="a2m"'),
        ("a.fasta", ">one\nACDE\n>two\nAC1E\n", "'1' in column 3 of 'two'"),
        ("a.fasta", ">one\nACDE\n>two\nACÄE\n", "column 3 of 'two'"),
        ("a.a2m", ">one\nACDE\n>two\nACdE\n", "same length"),
        ("a.sto", ">one\nACDE\n", "must name a Stockholm file"),
        ("a.csv", "x,y\n1,2\n", "a column `sequence`"),
    ],
)
def test_bad_files_are_refused(write, name, text, message):
    with pytest.raises(ValueError, match=message):
        sequences.read(write(name, text))


def test_one_sequence_on_purpose(write):
    path = write("a.fasta", ">one\nACDE\n")
    assert len(sequences.read(path, min_sequences=1)) == 1


def test_nucleotides_are_no_protein(write):
    path = write("a.fasta", ">1\n" + "ACGU" * 8 + "\n>2\n" + "GCAU" * 8 + "\n")
    with pytest.raises(ValueError, match='alphabet="rna"'):
        sequences.read(path)
    assert sequences.read(path, RNA).shape == (2, 32)
    assert sequences.read(path, "rna").alphabet is RNA
    with pytest.raises(ValueError, match="`alphabet` must be one of"):
        sequences.read(path, "RNA")
    with pytest.raises(ValueError, match="Choose another `alphabet`"):
        sequences.read(path, DNA)


@pytest.mark.parametrize("name", ["out.fasta", "out.fasta.gz"])
def test_what_is_written_is_read_again(write, tmp_path, name):
    family = sequences.read(write("a.fasta", FASTA))
    path = tmp_path / name
    sequences.write_fasta(path, family, scores={"log_p": [-1.5, 0, 2]})
    found = sequences.read(path)
    np.testing.assert_array_equal(found.codes, family.codes)
    assert found.names[0] == "one first log_p=-1.5"
    sequences.write_fasta(path, family.one_hot()[:])
    assert sequences.read(path).names == ("1", "2", "3")
    with pytest.raises(ValueError, match="`log_p` must have an entry"):
        sequences.write_fasta(path, family, scores={"log_p": [1.0]})


@pytest.mark.parametrize(
    ("alphabet", "letter"),
    [(sequences.PROTEIN, "X"), (RNA, "N"), (Alphabet("-A"), "?")],
)
def test_missing_entries_are_written_as_unknown(tmp_path, alphabet, letter):
    path = tmp_path / "a.fasta"
    family = sequences.Alignment([[1, -1], [1, 1]], alphabet=alphabet)
    sequences.write_fasta(path, family)
    assert path.read_text().splitlines() == [">1", f"A{letter}", ">2", "AA"]
    sequences.write_fasta(path, family.one_hot()[:], alphabet)
    assert path.read_text().splitlines()[1] == f"A{letter}"
    if alphabet.unknown:
        found = sequences.read(path, alphabet, unknown="missing")
        np.testing.assert_array_equal(found.codes, family.codes)


@pytest.mark.parametrize(
    ("name", "text", "names"),
    [
        ("a.csv", "name,sequence\none,ACD\ntwo,ACE\n", ("one", "two")),
        ("a.csv", "sequence,name\nACD,one\nACE,two\n", ("one", "two")),
        ("a.fasta.gz", ">one\nACD\n>two\nACE\n", ("one", "two")),
        ("a.a2m", ">one\nACD\n>two\nACE\n", ("one", "two")),
        ("a.sto", "# STOCKHOLM 1.0\none ACD\ntwo ACE\n//\n", ("one", "two")),
    ],
)
def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path, name, text, names):
    path = tmp_path / name
    opened = gzip.open if name.endswith(".gz") else open
    with opened(path, "wt", encoding="utf-8-sig") as file:
        file.write(text)
    found = sequences.read(path)
    assert found.names == names
    assert found.strings() == ["ACD", "ACE"]


def test_no_byte_order_mark_is_written(tmp_path):
    family = sequences.Alignment.from_strings(["AC", "AD"])
    sequences.write_fasta(tmp_path / "a.fasta", family)
    assert (tmp_path / "a.fasta").read_bytes().startswith(b">1")


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
@pytest.mark.parametrize("name", ["a.fasta", "a.csv"])
def test_another_encoding_is_refused(tmp_path, encoding, name):
    text = ">Bärtierchen\nACD\n>two\nACE\n"
    (tmp_path / name).write_text(text, encoding=encoding)
    with pytest.raises(ValueError, match=rf"text in UTF-8.*{name}', with b'"):
        sequences.read(tmp_path / name)


@pytest.mark.parametrize("kept", [5, -12, None])
def test_damaged_gzip_files_are_named(tmp_path, write, kept):
    path = write("a.fasta.gz", FASTA)
    content = path.read_bytes()
    path.write_bytes(content[:kept] if kept else FASTA.encode())
    with pytest.raises(ValueError, match=r"whole gzip file.*a\.fasta\.gz"):
        sequences.read(path)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("mark", ["\u0085", "\u2028", "\x0c", "\x1e"])
def test_lines_of_fasta_end_at_newlines_alone(tmp_path, end, mark):
    text = f">one{mark}first\nAC\nD-\n>two\nACDE\n"
    path = tmp_path / "a.fasta"
    path.write_bytes(text.encode().replace(b"\n", end))
    found = sequences.read(path)
    assert found.names == (f"one{mark}first", "two")
    assert found.strings() == ["ACD-", "ACDE"]
    sequences.write_fasta(path, found)
    assert sequences.read(path).names == found.names


def test_long_sequences_of_csv(write):
    limit = csv.field_size_limit()
    long = "ACDE" * 40_000
    path = write("a.csv", f"name,sequence\none,{long}\ntwo,{long}\n")
    assert sequences.read(path).shape == (2, len(long))
    assert csv.field_size_limit() == limit


def test_a_name_of_several_lines_is_written_as_one_header(write, tmp_path):
    text = 'name,sequence\n"one\nfirst",ACD\ntwo,ACE\n'
    family = sequences.read(write("a.csv", text))
    sequences.write_fasta(tmp_path / "a.fasta", family)
    found = sequences.read(tmp_path / "a.fasta")
    assert found.names == ("one first", "two")
