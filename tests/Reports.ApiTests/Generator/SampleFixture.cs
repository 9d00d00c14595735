using Reports.Contracts.Messages;
using Reports.Generator;
using Shouldly;
using Xunit;

namespace Reports.ApiTests.Generator;

/// <summary>A database with a sample of three merchants until the first of April 2026.</summary>
public sealed class SampleFixture : IAsyncLifetime
{
    public GeneratorFixture Database { get; } = new();

    public IReadOnlyList<Guid> Merchants { get; } =
        [.. SampleTransactions.DefaultMerchants.Select(_ => Guid.CreateVersion7())];

    public async ValueTask InitializeAsync()
    {
        await Database.InitializeAsync();
        using var file = new MemoryStream();
        var merchants = SampleTransactions.DefaultMerchants.Zip(Merchants, (merchant, id) => merchant with { Id = id });
        await SampleTransactions.WriteAsync(file, [.. merchants], new DateOnly(2026, 4, 1));
        file.Position = 0;
        var result = await Database.Import.ImportAsync(file, progress: null, CancellationToken.None);
        result.Inserted.ShouldBe(SampleTransactions.DefaultCount);
    }

    public ValueTask DisposeAsync() => Database.DisposeAsync();

    public byte[] FileOf(GenerateReport request, string fileName) => Database.FileOf(request, fileName);
}
