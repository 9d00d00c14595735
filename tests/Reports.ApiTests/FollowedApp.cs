using Xunit;

namespace Reports.ApiTests;

/// <summary>
/// An instance on which nobody else sends messages: what follows from one is followed, and the host follows one at a
/// time. Nothing is tried again while a test is under way.
/// </summary>
public sealed class FollowedApp : IAsyncLifetime
{
    public ReportsApp App { get; } = new() { Settings = ["--Reports:Generators:RetryDelay=00:04:00"] };

    public async ValueTask InitializeAsync() => await App.InitializeAsync();

    public ValueTask DisposeAsync() => App.DisposeAsync();
}

/// <summary>The tests that follow messages, one after the other.</summary>
[CollectionDefinition]
public sealed class Followed : ICollectionFixture<FollowedApp>;
