"""A process of its own that unpacks a Parquet file: from standard input, to standard output as an Arrow stream.

Such a file says itself how much it unpacks to, and may lie, and the library that reads it knows no bound on memory.
A process has one. Run with the most bytes of memory, fields, rows, and characters of a text.
"""

import io
import json
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow

REFUSED = 3  # its exit code when standard output says why there is no table


def main(most_memory: int, most_fields: int, most_rows: int, most_characters: int) -> None:
    """Write the table, or why there is none, and end."""
    bound_memory(most_memory)
    from pyarrow import ArrowException, ipc

    try:
        table, why = unpacked(sys.stdin.buffer.read(), most_fields, most_rows, most_characters)
    except MemoryError:
        table, why = None, f": this Parquet file unpacks to more than {most_memory / 2**20:,.0f} MiB."
    except (ArrowException, OSError, ValueError, LookupError, TypeError, OverflowError) as error:
        table, why = None, f" is not a Parquet file that can be read: {str(error)[:200].rstrip('.')}."
    if table is None:
        sys.stdout.buffer.write(why.encode(errors="replace"))
        sys.exit(REFUSED)
    with ipc.new_stream(sys.stdout.buffer, table.schema) as stream:
        stream.write_table(table)


def bound_memory(most: int) -> None:
    """Ask the system to refuse this process more memory, where it knows how to."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    except (ImportError, ValueError, OSError):
        pass


def unpacked(data: bytes, most_fields: int, most_rows: int, most_characters: int) -> "tuple[pyarrow.Table | None, str]":
    """The table and "", or None and why there is none.

    Only numbers and texts, texts as a dictionary. Moments and durations become counts of their own unit. The table's
    metadata say why each column that is missing was left out, and of the counts how many make a second.
    """
    from pyarrow import parquet, types

    opened = parquet.ParquetFile(io.BytesIO(data), pre_buffer=False)
    about, kinds = opened.metadata, {column.name: column.type for column in opened.schema_arrow}
    unpacks_to = sum(about.row_group(i).total_byte_size for i in range(about.num_row_groups))
    if about.num_rows * about.num_columns > most_fields or unpacks_to > 8 * most_fields:
        return None, f": a table may have {most_fields:,} fields at the most."
    if about.num_rows > most_rows:
        return None, f": a table may have {most_rows:,} mini-batches at the most."
    if any(types.is_nested(kind) or types.is_fixed_size_binary(kind) for kind in kinds.values()):
        return None, " is not a table: some of its fields are lists, records or bytes."
    simple = (types.is_primitive, types.is_decimal, types.is_null)
    texts = [name for name, kind in kinds.items() if not any(is_kind(kind) for is_kind in simple)]
    # A text that comes a million times is a few bytes in the file: it stays one text.
    table = parquet.ParquetFile(io.BytesIO(data), pre_buffer=False, read_dictionary=texts).read(use_threads=False)
    table, left_out = table.unify_dictionaries(), {}
    clocks = (name for name, kind in kinds.items() if types.is_timestamp(kind) or types.is_duration(kind))
    in_a_second = {name: {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}[kinds[name].unit] for name in clocks}
    for name in table.column_names:
        at = table.column_names.index(name)
        column = counted(table.column(at)) if name in in_a_second else table.column(at)
        column, why = plain(column, most_characters)
        if why:
            table, left_out[name] = table.remove_column(at), why
        else:
            table = table.set_column(at, name, column)
    table.validate(full=True)
    if table.get_total_buffer_size() > 8 * most_fields:
        return None, f": a table may have {most_fields:,} fields at the most."
    return table.replace_schema_metadata({"left_out": json.dumps(left_out), "in_a_second": json.dumps(in_a_second)}), ""


def counted(column: "pyarrow.ChunkedArray") -> "pyarrow.ChunkedArray":
    """Moments as a count of their unit since 1970, and durations as a count of theirs.

    The reader of the stream divides them: dividing by a Python number here would make this process load pandas.
    """
    from pyarrow import compute

    return compute.cast(compute.cast(column, "int64"), "float64", safe=False)


def plain(column: "pyarrow.ChunkedArray", most_characters: int) -> "tuple[pyarrow.ChunkedArray, str]":
    """A column as numbers or texts and "", or as it is and why it cannot be used."""
    from pyarrow import compute, types

    kind = column.type
    if types.is_temporal(kind):
        return column, "holds dates or times of a clock, not numbers"
    if types.is_decimal(kind):
        return compute.cast(column, "float64"), ""
    if not types.is_dictionary(kind):
        return column, ""
    if not (types.is_string(kind.value_type) or types.is_binary(kind.value_type)):
        return plain(compute.cast(column, kind.value_type), most_characters)
    if any(longest(chunk.dictionary) > most_characters for chunk in column.chunks):
        return column, f"holds a text of more than {most_characters} characters"
    return column, ""


def longest(texts: "pyarrow.Array") -> int:
    """The most characters (or bytes) that one of them has."""
    from pyarrow import compute, types

    length = compute.utf8_length if types.is_string(texts.type) else compute.binary_length
    return compute.max(length(texts)).as_py() or 0


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
