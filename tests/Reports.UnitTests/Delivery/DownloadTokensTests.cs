using System.Security.Cryptography;
using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;
using Reports.BuildingBlocks;
using Reports.Delivery;
using Shouldly;
using Xunit;

namespace Reports.UnitTests.Delivery;

public sealed class DownloadTokensTests : IDisposable
{
    private static readonly DateTimeOffset Expiry = new(2026, 11, 23, 9, 30, 0, TimeSpan.Zero);
    private static readonly byte[] FirstKey = RandomNumberGenerator.GetBytes(32);
    private static readonly byte[] SecondKey = RandomNumberGenerator.GetBytes(32);
    private readonly DownloadTokens _tokens = new(new KeyRing(1, new Dictionary<int, byte[]> { [1] = FirstKey }));

    public void Dispose() => _tokens.Dispose();

    [Property]
    public void what_is_sealed_is_what_is_opened(uint report, ushort principal, uint minute)
    {
        var number = (long)report << 4 | 0xF;
        var expires = DateTimeOffset.FromUnixTimeSeconds(minute % (1L << 26) * 60);

        var opened = _tokens.Open(_tokens.Seal([number], principal, expires)[0]);

        opened.ShouldBe(new DownloadToken(number, principal, expires));
    }

    [Fact]
    public void the_largest_numbers_fit()
    {
        var (report, principal) = ((1L << 36) - 1, (1 << 20) - 1);

        _tokens.Open(_tokens.Seal([report], principal, Expiry)[0]).ShouldBe(new DownloadToken(report, principal, Expiry));
        Should.Throw<ArgumentOutOfRangeException>(() => _tokens.Seal([report + 1], principal, Expiry));
        Should.Throw<ArgumentOutOfRangeException>(() => _tokens.Seal([report], principal + 1, Expiry));
    }

    [Fact]
    public void a_token_is_a_uuid_that_strict_parsers_accept()
    {
        var tokens = _tokens.Seal([.. Enumerable.Range(0, 1000).Select(i => (long)i)], 7, Expiry);

        foreach (var token in tokens.Select(t => t.ToString("D")))
        {
            token[14].ShouldBe('4');
            "89ab".ShouldContain(token[19]);
        }

        tokens.Distinct().Count().ShouldBe(1000);
    }

    [Fact]
    public void a_token_with_any_bit_flipped_is_none_of_ours()
    {
        var bytes = _tokens.Seal([123456], 7, Expiry)[0].ToByteArray(bigEndian: true);
        for (var bit = 0; bit < 128; bit++)
        {
            var flipped = bytes.ToArray();
            flipped[bit / 8] ^= (byte)(1 << (bit % 8));
            _tokens.Open(new Guid(flipped, bigEndian: true)).ShouldBeNull();
        }
    }

    [Fact]
    public void a_million_random_uuids_open_nothing()
    {
        for (var i = 0; i < 1_000_000; i++)
        {
            _tokens.Open(Guid.NewGuid()).ShouldBeNull();
        }
    }

    [Fact]
    public void tokens_of_an_earlier_master_key_still_open_and_of_an_unknown_one_do_not()
    {
        var old = _tokens.Seal([5], 7, Expiry)[0];
        using var rotated = new DownloadTokens(new KeyRing(2, new Dictionary<int, byte[]> { [1] = FirstKey, [2] = SecondKey }));
        using var others = new DownloadTokens(new KeyRing(2, new Dictionary<int, byte[]> { [2] = SecondKey }));

        rotated.Open(old).ShouldBe(new DownloadToken(5, 7, Expiry));
        rotated.Seal([5], 7, Expiry)[0].ShouldNotBe(old);
        others.Open(old).ShouldBeNull();
    }

    [Theory]
    [InlineData("2026-11-23T08:00:00Z", "2026-11-23T09:00:00Z")]
    [InlineData("2026-11-23T08:00:00.000001Z", "2026-11-23T09:01:00Z")]
    [InlineData("2026-11-23T08:00:59Z", "2026-11-23T09:01:00Z")]
    public void a_token_ends_on_a_whole_minute_and_never_early(string now, string expected)
    {
        var culture = System.Globalization.CultureInfo.InvariantCulture;

        DownloadTokens.Expiry(DateTimeOffset.Parse(now, culture), TimeSpan.FromHours(1))
            .ShouldBe(DateTimeOffset.Parse(expected, culture));
    }
}
