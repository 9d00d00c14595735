using Reports.BuildingBlocks;
using Shouldly;
using Xunit;

namespace Reports.UnitTests.BuildingBlocks;

public sealed class KeyRingTests
{
    private static readonly byte[] Key = [.. Enumerable.Range(0, 32).Select(i => (byte)i)];

    [Fact]
    public void keys_differ_by_purpose_and_version_and_are_the_same_each_time()
    {
        var ring = new KeyRing(2, new Dictionary<int, byte[]> { [1] = Key, [2] = [.. Key.Reverse()] });

        ring.Derive(1, "a").ShouldBe(ring.Derive(1, "a"));
        ring.Derive(1, "a").ShouldNotBe(ring.Derive(1, "b"));
        ring.Derive(1, "a").ShouldNotBe(ring.Derive(2, "a"));
        ring.Derive(1, "a").ShouldNotBe(Key);
        ring.Versions.ShouldBe([2, 1]);
    }

    [Fact]
    public void the_current_version_comes_first_also_when_it_is_not_the_newest() =>
        new KeyRing(1, new Dictionary<int, byte[]> { [1] = Key, [2] = Key, [3] = Key }).Versions.ShouldBe([1, 3, 2]);

    [Fact]
    public void short_keys_and_unknown_versions_are_refused()
    {
        Should.Throw<ArgumentException>(() => new KeyRing(1, new Dictionary<int, byte[]> { [1] = Key[..31] }));
        Should.Throw<ArgumentException>(() => new KeyRing(2, new Dictionary<int, byte[]> { [1] = Key }));
        Should.Throw<ArgumentException>(() => new KeyRing(256, new Dictionary<int, byte[]> { [256] = Key }));
    }
}
