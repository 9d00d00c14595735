using System.Buffers;
using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Security.Cryptography;
using Marten;
using Microsoft.AspNetCore.Http;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Storage;

namespace Reports.Lifecycle;

/// <summary>What a generator is told of the file that it has sent.</summary>
[Description("What `reports.generation-completed.v1` must say of the file.")]
internal sealed record UploadedFile(
    [property: Description("The file's name below the storage prefix of the order.")]
    string FileName,
    [property: Description("Its length in bytes.")]
    long FileSize,
    [property: Description("Its SHA-256 digest, in lower-case hexadecimal.")]
    [property: RegularExpression("^[0-9a-f]{64}$")]
    string Sha256)
{
    public static UploadedFile Example { get; } = new(
        "upload-9f86d081884c7d659a2feaa0c55ad015.csv",
        183_220,
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08");
}

/// <summary>
/// Takes a report's file over HTTP, from a generator that cannot write to the storage. Its name is made from its
/// content: the same bytes sent again are the same file, and what stands is never written again.
/// </summary>
internal sealed class UploadFile(
    Grants grants, IDocumentStore store, ReportFiles files, LifecycleOptions options, TimeProvider clock)
{
    // A generator that makes its file anew at each try over the network would fill the disk. Each node counts what it
    // receives by itself.
    private const int MostFiles = 5;
    private const int BufferSize = 128 * 1024;

    private readonly Dictionary<string, Turn> _turns = [];

    public static Task<IResult> Endpoint(HttpContext http, string grant, UploadFile upload) =>
        upload.HandleAsync(http, grant);

    private async Task<IResult> HandleAsync(HttpContext http, string text)
    {
        var aborted = http.RequestAborted;
        var grant = Open(text);
        var expected = Shape(http.Request);
        var report = await RequireAwaitedAsync(grant, aborted);
        using var turn = Begin(grant.StoragePrefix);
        await using var writer = Storing(() => files.Create(StorageKey.Below(grant.StoragePrefix, "upload")));
        try
        {
            var (size, digest) = await ReceiveAsync(http.Request, writer.Stream, aborted);
            RequireDigests(expected, digest);
            var sha256 = Convert.ToHexStringLower(digest);
            var name = $"upload-{sha256[..32]}.{Periods.Extension(report.Description.Format)}";
            var key = StorageKey.Below(grant.StoragePrefix, name);
            var isNew = await turn.CommitAsync(() => CommitAsync(writer, grant, key, aborted), aborted);
            if (isNew)
            {
                await RequireStillAwaitedAsync(grant, key);
            }

            return Results.Json(
                new UploadedFile(name, size, sha256),
                statusCode: isNew ? StatusCodes.Status201Created : StatusCodes.Status200OK);
        }
        catch (Exception e) when (aborted.IsCancellationRequested && e is IOException or OperationCanceledException)
        {
            // Nobody is there to be answered, and nothing stays.
            return Results.Empty;
        }
    }

    // Which of them is wrong would only help who tries to forge one.
    private Grant Open(string text)
    {
        try
        {
            return grants.Open(text, clock.GetUtcNow());
        }
        catch (GrantRefusedException)
        {
            throw new ProblemException(Problem.Forbidden with
            {
                Detail = "The grant is none of ours, or its time is over",
            });
        }
    }

    private Dictionary<string, byte[]> Shape(HttpRequest request)
    {
        var type = request.ContentType ?? "";
        if (type.StartsWith("multipart/", StringComparison.OrdinalIgnoreCase)
            || type.StartsWith("application/x-www-form-urlencoded", StringComparison.OrdinalIgnoreCase))
        {
            throw new ProblemException(Problem.UnsupportedMediaType with
            {
                Detail = "The body must be the file itself, not a form; application/octet-stream will do",
            });
        }

        if (request.Headers.ContentEncoding is [_, ..] and not ["identity"])
        {
            throw new ProblemException(Problem.UnsupportedMediaType with
            {
                Detail = "The body must be the file itself, without a content coding",
            });
        }

        // It would be a part of the file only (RFC 9110 section 14.5).
        if (request.Headers.ContentRange.Count > 0)
        {
            throw Invalid("Content-Range", "is not supported: send the whole file");
        }

        return request.ContentLength > options.LargestFile ? throw TooLarge() : Digests(request);
    }

    private static Dictionary<string, byte[]> Digests(HttpRequest request)
    {
        var digests = new Dictionary<string, byte[]>();
        foreach (var field in (string[])["Content-Digest", "Repr-Digest"])
        {
            if (DigestField.Sha256(request.Headers[field], out var digest) is { } finding)
            {
                throw Invalid(field, finding);
            }

            if (digest is not null)
            {
                digests[field] = digest;
            }
        }

        return digests;
    }

    private static void RequireDigests(Dictionary<string, byte[]> expected, byte[] digest)
    {
        foreach (var (field, value) in expected)
        {
            if (!value.AsSpan().SequenceEqual(digest))
            {
                throw Invalid(field, "is not the digest of what has arrived");
            }
        }
    }

    private async Task<Report> RequireAwaitedAsync(Grant grant, CancellationToken cancellation) =>
        await FindAsync(grant, cancellation) switch
        {
            null => throw Conflict("There is no such report"),
            { IsWaiting: true } report when report.Attempt == grant.Attempt => report,
            { IsWaiting: true } report => throw Conflict(
                $"Attempt {grant.Attempt} is not waited for any more: it is the turn of attempt {report.Attempt}"),
            var report => throw Conflict($"The report is not waited for any more: it is {report.Status.Word()}"),
        };

    // The end of the wait may have been committed while the file was on its way. Whoever ended it has removed what the
    // report had left before the file stood.
    private async Task RequireStillAwaitedAsync(Grant grant, StorageKey key)
    {
        try
        {
            await RequireAwaitedAsync(grant, CancellationToken.None);
        }
        catch (ProblemException)
        {
            // Its name is no secret: it may have been claimed before this answer.
            if ((await FindAsync(grant, CancellationToken.None))?.Claim?.StorageKey != key.Value)
            {
                files.Remove(key);
                throw;
            }
        }
    }

    private async Task<Report?> FindAsync(Grant grant, CancellationToken cancellation)
    {
        await using var session = store.QuerySession(Tenants.Name(grant.MerchantId));
        return await session.Events.AggregateStreamAsync<Report>(grant.ReportId, token: cancellation);
    }

    private async Task<(long Size, byte[] Digest)> ReceiveAsync(
        HttpRequest request, Stream file, CancellationToken cancellation)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
        try
        {
            long size = 0;
            while (await request.Body.ReadAsync(buffer, cancellation) is > 0 and var read)
            {
                size += read;
                if (size > options.LargestFile)
                {
                    throw TooLarge();
                }

                hash.AppendData(buffer, 0, read);
                await StoringAsync(() => file.WriteAsync(buffer, 0, read, cancellation));
            }

            return size == 0 ? throw Invalid("body", "is empty")
                : request.ContentLength is { } length && length != size
                    ? throw Invalid("Content-Length", $"is {length}, but {size} bytes have arrived")
                : (size, hash.GetHashAndReset());
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private async Task<bool> CommitAsync(
        ReportFileWriter writer, Grant grant, StorageKey key, CancellationToken cancellation)
    {
        if (Storing(() => files.Exists(key)))
        {
            return false;
        }

        if (Storing(() => files.CountBelow(grant.StoragePrefix)) >= MostFiles)
        {
            throw Conflict($"{MostFiles} different files have been sent for this attempt: that is all there can be");
        }

        await StoringAsync(() => writer.CommitAsync(key, cancellation));
        return true;
    }

    private Turn Begin(string prefix)
    {
        lock (_turns)
        {
            var turn = _turns.TryGetValue(prefix, out var known) ? known : _turns[prefix] = new Turn(_turns, prefix);
            return turn.TryEnter() ? turn : throw Conflict("Too many files are being sent for this attempt at once");
        }
    }

    private static T Storing<T>(Func<T> work)
    {
        try
        {
            return work();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ProblemException(Problem.Unavailable, e);
        }
    }

    private static async Task StoringAsync(Func<Task> work)
    {
        try
        {
            await work();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ProblemException(Problem.Unavailable, e);
        }
    }

    private static ProblemException TooLarge() => new(Problem.PayloadTooLarge);

    private static ProblemException Conflict(string detail) => new(Problem.Conflict with { Detail = detail });

    private static ProblemException Invalid(string field, string finding) =>
        new(Problem.InvalidParameters with
        {
            Detail = $"{field} {finding}",
            Errors = new Dictionary<string, string[]> { [field] = [finding] },
        });

    /// <summary>The uploads for one attempt that are under way on this node. They end one after the other.</summary>
    private sealed class Turn(Dictionary<string, Turn> turns, string prefix) : IDisposable
    {
        private readonly SemaphoreSlim _ending = new(1);
        private int _count;

        public bool TryEnter()
        {
            var isAllowed = _count < MostFiles;
            _count += isAllowed ? 1 : 0;
            return isAllowed;
        }

        public async Task<bool> CommitAsync(Func<Task<bool>> work, CancellationToken cancellation)
        {
            await _ending.WaitAsync(cancellation);
            try
            {
                return await work();
            }
            finally
            {
                _ending.Release();
            }
        }

        public void Dispose()
        {
            lock (turns)
            {
                if (--_count == 0)
                {
                    turns.Remove(prefix);
                }
            }
        }
    }
}
