using System.Security.Cryptography;
using Reports.Ledger;

namespace Reports.Audit;

/// <summary>The settings of the ledger.</summary>
public sealed record LedgerOptions
{
    /// <summary>The name of the ledger: the first line of every checkpoint.</summary>
    public string Origin { get; init; } = "reports/ledger";

    /// <summary>Whether this node may seal; one of those that may does.</summary>
    public bool Seals { get; init; } = true;

    /// <summary>The private keys that sign every checkpoint: PKCS #8, P-256.</summary>
    public IReadOnlyList<byte[]> Keys { get; init; } = [];

    /// <summary>
    /// Public keys whose signature on the newest checkpoint is believed, and that sign no more: SubjectPublicKeyInfo,
    /// P-256.
    /// </summary>
    public IReadOnlyList<byte[]> FormerKeys { get; init; } = [];

    /// <summary>
    /// Where checkpoints are laid down that the administrator of the database cannot change; nowhere without it.
    /// </summary>
    public string? AnchorDirectory { get; init; }

    /// <summary>How often a checkpoint is laid down there at the most.</summary>
    public TimeSpan AnchorInterval { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>How long an idle sealer rests between two looks.</summary>
    internal TimeSpan Interval { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>How long it rests while it waits for a transaction that holds a number.</summary>
    internal TimeSpan WaitInterval { get; init; } = TimeSpan.FromMilliseconds(25);

    /// <summary>How often a node looks whether it is its turn to seal, and a stopped ledger whether it can go on.</summary>
    internal TimeSpan RetryInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How long a sealer rests between two looks at what is sealed.</summary>
    internal TimeSpan SweepInterval { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>What waits longer for its seal has met an outage of the ledger.</summary>
    internal TimeSpan LongestWait { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How many leaves one checkpoint takes in at the most.</summary>
    internal int LargestBatch { get; init; } = 5000;

    /// <inheritdoc/>
    public override string ToString() => nameof(LedgerOptions);
}

/// <summary>The keys of the ledger, as this node has them.</summary>
internal sealed class LedgerKeys : IDisposable
{
    /// <exception cref="CryptographicException">One of them is not what it must be.</exception>
    public LedgerKeys(LedgerOptions options)
    {
        Signers = [.. options.Keys.Select(key => new CheckpointSigner(key))];
        Believed = [.. Signers.Select(s => s.Key), .. options.FormerKeys.Select(key => new CheckpointKey(key))];
    }

    /// <summary>Those that sign.</summary>
    public IReadOnlyList<CheckpointSigner> Signers { get; }

    /// <summary>Those whose signature is believed.</summary>
    public IReadOnlyList<CheckpointKey> Believed { get; }

    public void Dispose()
    {
        foreach (var signer in Signers)
        {
            signer.Dispose();
        }
    }
}
