using System.Security.Cryptography;
using Reports.BuildingBlocks;
using Shouldly;
using Xunit;

namespace Reports.UnitTests.BuildingBlocks;

public sealed class EncryptedIdsTests
{
    private static readonly byte[] FirstKey = RandomNumberGenerator.GetBytes(32);
    private static readonly Guid Merchant = Guid.CreateVersion7();
    private readonly EncryptedIds _ids = new(new KeyRing(1, new Dictionary<int, byte[]> { [1] = FirstKey }));

    [Fact]
    public void an_id_opens_to_its_report_and_is_the_same_each_time()
    {
        Guid[] reports = [Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.Empty];

        var ids = _ids.Seal(Merchant, reports);

        ids.Select(id => _ids.Open(Merchant, id)).ShouldBe(reports.Select(r => (Guid?)r));
        ids.ShouldAllBe(id => id.Length == EncryptedIds.Length && EncryptedIds.IsShaped(id));
        _ids.Seal(Merchant, reports[..1])[0].ShouldBe(ids[0]);
    }

    [Fact]
    public void another_merchant_cannot_open_it_and_has_another_id_for_the_same_report()
    {
        var report = Guid.CreateVersion7();
        var id = _ids.Seal(Merchant, [report])[0];
        var other = Guid.CreateVersion7();

        _ids.Open(other, id).ShouldBeNull();
        _ids.Seal(other, [report])[0].ShouldNotBe(id);
    }

    [Fact]
    public void an_id_with_any_character_changed_is_none_of_ours()
    {
        var id = _ids.Seal(Merchant, [Guid.CreateVersion7()])[0];
        for (var i = 0; i < id.Length; i++)
        {
            _ids.Open(Merchant, id[..i] + (id[i] == 'B' ? 'C' : 'B') + id[(i + 1)..]).ShouldBeNull();
        }
    }

    [Fact]
    public void ids_of_an_earlier_master_key_still_open()
    {
        var report = Guid.CreateVersion7();
        var old = _ids.Seal(Merchant, [report])[0];
        var rotated = new EncryptedIds(new KeyRing(
            2, new Dictionary<int, byte[]> { [1] = FirstKey, [2] = RandomNumberGenerator.GetBytes(32) }));

        rotated.Open(Merchant, old).ShouldBe(report);
        rotated.Seal(Merchant, [report])[0].ShouldNotBe(old);
    }

    [Theory]
    [InlineData("")]
    [InlineData("AQ")]
    [InlineData("AfxPxCy17vP8O-kpGmyoCIK2cIigHnnmHgkbppjG017!")]
    [InlineData("AfxPxCy17vP8O-kpGmyoCIK2cIigHnnmHgkbppjG017TAAAA")]
    public void what_is_not_shaped_like_an_id_opens_nothing(string text) => _ids.Open(Merchant, text).ShouldBeNull();
}
