using System.Buffers;
using System.Security.Cryptography;
using BenchmarkDotNet.Attributes;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Primitives;
using Npgsql;
using Reports.Access;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Delivery;
using Reports.Ledger;

namespace Reports.Benchmarks;

/// <summary>Parts of a request that need no other process.</summary>
[MemoryDiagnoser]
public class Micro : IDisposable
{
    private const int Page = 50;

    private static readonly Guid Merchant = Guid.Parse("01980000-0000-7000-8000-00000000000f");
    private static readonly DateTimeOffset Now = new(2026, 11, 23, 12, 0, 0, TimeSpan.Zero);
    private readonly StringValues _range = "bytes=1000000-1999999";
    private static readonly System.Net.IPAddress Address = System.Net.IPAddress.Loopback;

    private readonly DownloadTokens _tokens;
    private readonly PageMarks _marks;
    private readonly ApiKeyHasher _hasher;
    private readonly CredentialVerification _verification;
    private readonly HeaderDictionary _headers = [];
    private readonly string _key;
    private readonly string _stored;
    private readonly long[] _numbers = [.. Enumerable.Range(1, Page).Select(n => (long)n)];
    private readonly Guid _token;
    private readonly string _cursor;
    private readonly ReportList _list;
    private readonly ArrayBufferWriter<byte> _body = new(64 * 1024);
    private readonly StoredEvent _event;

    public Micro()
    {
        var keys = new KeyRing(1, new Dictionary<int, byte[]> { [1] = RandomNumberGenerator.GetBytes(32) });
        _tokens = new DownloadTokens(keys);
        _marks = new PageMarks(keys);
        _hasher = new ApiKeyHasher(keys);
        var key = ApiKey.Create(live: true);
        (_key, _stored) = (key.Text, _hasher.Hash(key));
        _token = _tokens.Seal([42], 7, Now)[0];
        _cursor = _marks.Seal(Merchant, Place());
        _headers["Api-Key"] = _key;
        _verification = Verification(key.KeyId);
        _list = List();
        _event = new StoredEvent(
            1, Merchant, Merchant, 1, "download.attempted.v1", Merchant.ToString(), 1_700_000_000_000_000,
            1_700_000_000_000_000, "x", "y", "z",
            """{"origin": "0123456789abcdef", "request_id": "0123456789abcdef"}""",
            $$"""{"attempt_id": "{{Merchant}}", "pad": "{{new string('x', 600)}}"}""");
    }

    [Benchmark(Description = "authentication, cached key")]
    public object Authenticate() =>
        _verification.VerifyAsync(PresentedCredential.From(_headers), Address).GetAwaiter().GetResult().Caller!;

    [Benchmark(Description = "key check (parse, checksum, HMAC)")]
    public bool CheckKey() => _hasher.Verify(ApiKey.Parse(_key), _stored);

    [Benchmark(Description = "tokens, minting 50")]
    public Guid[] MintTokens() => _tokens.Seal(_numbers, 7, Now);

    [Benchmark(Description = "token, opening one")]
    public object? OpenToken() => _tokens.Open(_token);

    [Benchmark(Description = "cursor, sealing")]
    public string SealCursor() => _marks.Seal(Merchant, Place());

    [Benchmark(Description = "cursor, opening")]
    public object? OpenCursor() => _marks.OpenCursor(Merchant, _cursor);

    [Benchmark(Description = "range evaluator")]
    public long SelectRange() => ByteRange.Select(_range, 10_000_000).First;

    [Benchmark(Description = "JSON of a list of 50")]
    public int WriteList()
    {
        _body.ResetWrittenCount();
        DeliveryJson.Write(_body, _list, DeliveryJson.Default.ReportList);
        return _body.WrittenCount;
    }

    [Benchmark(Description = "leaf of an event of 900 bytes")]
    public byte[] HashLeaf() => EventLeaf.Hash(_event);

    public void Dispose()
    {
        _tokens.Dispose();
        GC.SuppressFinalize(this);
    }

    private static Cursor Place() => new(
        new ReportFilter(Merchant, Now.AddDays(-30), Now, null, null), true, Now.UtcDateTime, Merchant, false,
        "1000:1000:");

    // A clock that stands still: what is cached stays so, and no database is asked.
    private CredentialVerification Verification(string keyId)
    {
        var clock = new StillClock();
        var cache = new CredentialCache(clock);
        cache.Confirm(1, clock.GetTimestamp());
        var caller = new Reports.BuildingBlocks.Caller(
            new Actor(ActorKind.ApiKey, Merchant.ToString()), 1, Merchant, "UTC", false, []);
        cache.Keep(cache.Current, SecretStore.ApiKeys, keyId, new StoredCredential(_stored, null, false, caller, 1));
        return new CredentialVerification(
            new SecretStore(NpgsqlDataSource.Create("Host=unused")),
            cache,
            new PasswordCache(clock),
            new FailureBudgets(new AccessOptions(200, 2000, 20, TimeSpan.FromMinutes(5)), clock),
            _hasher,
            clock,
            NullLogger<CredentialVerification>.Instance);
    }

    private static ReportList List() => new(
        1000,
        "https://reports.example/b/api/v1/reports/files/?limit=50&offset=50",
        null,
        [
            .. Enumerable.Range(1, Page).Select(n => new ListedReport(
                "AVDYWOCYXsx_YEGKrwzFq1h_QsJXCohAlanozKzQ9lRc", $"settlement-{n}.csv", "daily", "auto", "csv", n,
                "finished", Now.UtcDateTime, Now.UtcDateTime, Now.UtcDateTime, Now, Now, "Asia/Kuwait", 183_220,
                new string('a', 64), Now.UtcDateTime,
                new DownloadAction(
                    "GET",
                    "https://reports.example/b/api/v1/reports/files/00000000-0000-4000-8000-000000000000/download/",
                    Now.UtcDateTime))),
        ],
        "AVDYWOCYXsx_YEGKrwzFq1h_QsJXCohAlanozKzQ9lRc");

    private sealed class StillClock : TimeProvider
    {
        public override long GetTimestamp() => 1;

        public override DateTimeOffset GetUtcNow() => Now;
    }
}
