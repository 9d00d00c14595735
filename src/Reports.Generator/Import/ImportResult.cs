namespace Reports.Generator;

/// <summary>What an import did. With an error in it, nothing was imported.</summary>
/// <param name="Read">How many rows the file has; with errors, how many were read until it was given up.</param>
/// <param name="Inserted">How many of them are new.</param>
/// <param name="AlreadyThere">How many were there already, exactly so.</param>
/// <param name="Errors">What is wrong with the file: the first 20 findings.</param>
public sealed record ImportResult(long Read, long Inserted, long AlreadyThere, IReadOnlyList<ImportError> Errors)
{
    /// <summary>Whether the whole file is imported.</summary>
    public bool Succeeded => Errors.Count == 0;
}

/// <summary>What is wrong with a value of an import file.</summary>
/// <param name="Line">The line of the file on which the row starts, counted from 1; the header is line 1.</param>
/// <param name="Column">The name of the column; none when the row as a whole is wrong.</param>
/// <param name="Value">The offending value, cut to 80 characters; none when something is missing.</param>
/// <param name="Expected">What would be right.</param>
public sealed record ImportError(long Line, string? Column, string? Value, string Expected)
{
    /// <inheritdoc/>
    public override string ToString()
    {
        var where = Column is null ? $"line {Line}" : $"line {Line}, {Column}";
        return Value is null ? $"{where}: expected {Expected}" : $"{where} \"{Value}\": expected {Expected}";
    }
}

/// <summary>How far an import is.</summary>
/// <param name="RowsRead">How many rows were read so far.</param>
public readonly record struct ImportProgress(long RowsRead);
