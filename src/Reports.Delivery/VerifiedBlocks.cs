using System.Buffers;
using System.Security.Cryptography;
using Reports.Storage;

namespace Reports.Delivery;

/// <summary>
/// The blocks of stored files that deliveries are sending at this moment, each read and checked once for all that send
/// it: a report that many take at the same time costs the memory and the reading of one. A block is kept as long as
/// somebody holds it, and no longer.
/// </summary>
internal sealed class VerifiedBlocks
{
    private readonly Lock _gate = new();
    private readonly Dictionary<(Guid Report, int Block), VerifiedBlock> _held = [];
    private readonly IsIntact _isIntact;

    public VerifiedBlocks()
        : this(HasDigest)
    {
    }

    /// <summary>With another check, to measure what this one costs.</summary>
    internal VerifiedBlocks(IsIntact isIntact) => _isIntact = isIntact;

    /// <summary>Whether bytes are those that were recorded.</summary>
    /// <param name="bytes">What was read.</param>
    /// <param name="digest">The SHA-256 that was recorded.</param>
    internal delegate bool IsIntact(ReadOnlySpan<byte> bytes, ReadOnlySpan<byte> digest);

    /// <summary>How many blocks are held.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _held.Count;
            }
        }
    }

    /// <summary>Takes a block; whoever takes it must dispose of it, once.</summary>
    /// <param name="file">The file, for whoever is the first.</param>
    /// <param name="report">Whose file it is, with the digests that were recorded.</param>
    /// <param name="index">Which block, from 0.</param>
    public async ValueTask<VerifiedBlock> TakeAsync(ReportFile file, StoredReport report, int index)
    {
        VerifiedBlock? block;
        bool isFirst;
        lock (_gate)
        {
            isFirst = !_held.TryGetValue((report.Id, index), out block);
            if (isFirst)
            {
                block = new VerifiedBlock(this, report, index);
                _held.Add((report.Id, index), block);
            }

            block!.Holders++;
        }

        if (isFirst)
        {
            block.Load(file, _isIntact);
        }
        else
        {
            await block.Loaded;
        }

        return block;
    }

    internal void Release(VerifiedBlock block)
    {
        lock (_gate)
        {
            if (--block.Holders > 0)
            {
                return;
            }

            _held.Remove(block.Key);
        }

        block.Return();
    }

    private static bool HasDigest(ReadOnlySpan<byte> bytes, ReadOnlySpan<byte> digest)
    {
        Span<byte> found = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(bytes, found);
        return found.SequenceEqual(digest);
    }
}

/// <summary>A block of a file that is being sent.</summary>
internal sealed class VerifiedBlock : IDisposable
{
    private readonly VerifiedBlocks _blocks;
    private readonly TaskCompletionSource _loaded = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly byte[] _buffer;
    private readonly int _length;
    private readonly long _start;
    private readonly ReadOnlyMemory<byte> _digest;

    internal VerifiedBlock(VerifiedBlocks blocks, StoredReport report, int index)
    {
        _blocks = blocks;
        Key = (report.Id, index);
        _start = (long)index * report.BlockSize;
        _length = (int)Math.Min(report.BlockSize, report.FileSize - _start);
        _buffer = ArrayPool<byte>.Shared.Rent(_length);
        _digest = report.BlockDigests.AsMemory(index * SHA256.HashSizeInBytes, SHA256.HashSizeInBytes);
    }

    /// <summary>What is wrong with it; nothing when it is as it was recorded.</summary>
    public string? Finding { get; private set; }

    /// <summary>Its bytes, while it is held; only to be sent when there is no finding.</summary>
    public ReadOnlyMemory<byte> Bytes => _buffer.AsMemory(0, _length);

    /// <summary>Where in the file it begins.</summary>
    public long Start => _start;

    internal (Guid Report, int Block) Key { get; }

    internal int Holders { get; set; }

    internal Task Loaded => _loaded.Task;

    public void Dispose() => _blocks.Release(this);

    // Others wait for it, so that it does not stop when its first holder's client is gone. Some thread has to wait for a
    // file in any case: it may be this one.
    internal void Load(ReportFile file, VerifiedBlocks.IsIntact isIntact)
    {
        try
        {
            var read = file.Read(_buffer.AsSpan(0, _length), _start);
            Finding = read < _length ? "short" : isIntact(Bytes.Span, _digest.Span) ? null : "altered";
        }
        catch (Exception)
        {
            Finding = "unreadable";
        }

        _loaded.SetResult();
    }

    internal void Return() => ArrayPool<byte>.Shared.Return(_buffer);
}
