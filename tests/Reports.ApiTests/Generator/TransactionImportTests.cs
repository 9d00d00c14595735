using System.Text;
using Npgsql;
using Reports.Generator;
using Shouldly;
using Xunit;

namespace Reports.ApiTests.Generator;

public sealed class TransactionImportTests(GeneratorFixture fixture) : IClassFixture<GeneratorFixture>
{
    private readonly Guid _merchant = Guid.CreateVersion7();

    [Fact]
    public async Task a_second_import_of_a_file_changes_nothing()
    {
        string[] rows = [Payment("pay_1"), Payment("pay_2"), Payment("pay_3")];
        (await fixture.ImportAsync(rows)).ShouldBeEquivalentTo(new ImportResult(3, 3, 0, []));
        (await fixture.ImportAsync(rows)).ShouldBeEquivalentTo(new ImportResult(3, 0, 3, []));
        (await fixture.ImportAsync([.. rows, Payment("pay_4")])).ShouldBeEquivalentTo(new ImportResult(4, 1, 3, []));
        (await fixture.CountAsync(_merchant)).ShouldBe(4);
    }

    [Fact]
    public async Task one_bad_line_keeps_the_whole_file_out()
    {
        var result = await fixture.ImportAsync(Payment("pay_1"), Payment("pay_2", gross: "1.2345"), Payment("pay_3"));
        result.Succeeded.ShouldBeFalse();
        result.Inserted.ShouldBe(0);
        result.Errors.Single().ToString().ShouldBe(
            "line 3, gross_amount \"1.2345\": expected "
            + "a number with at most 3 decimals (KWD) and 15 digits before them, such as -12");
        (await fixture.CountAsync(_merchant)).ShouldBe(0);
    }

    [Fact]
    public async Task an_id_that_comes_twice_in_a_file_is_refused()
    {
        var result = await fixture.ImportAsync(Payment("pay_1"), Payment("pay_2"), Payment("pay_1"));
        result.Errors.Single().ShouldBe(
            new ImportError(4, "transaction_id", "pay_1", "an id that is not on line 2 already"));
        (await fixture.CountAsync(_merchant)).ShouldBe(0);
    }

    [Fact]
    public async Task an_id_that_comes_again_with_other_values_is_refused()
    {
        await fixture.ImportAsync(Payment("pay_1"));
        var result = await fixture.ImportAsync(Payment("pay_2"), Payment("pay_1", gross: "99"));
        result.Errors.Single().ShouldBe(new ImportError(
            3, "transaction_id", "pay_1", "the values with which this id was imported before, or a new id"));
        (await fixture.CountAsync(_merchant)).ShouldBe(1);
    }

    [Fact]
    public async Task two_merchants_may_have_the_same_id()
    {
        var other = Guid.CreateVersion7();
        var result = await fixture.ImportAsync(Payment("pay_1"), Payment("pay_1", merchant: other));
        result.Inserted.ShouldBe(2);
        (await fixture.Transactions.HasTransactionsAsync(other, TestContext.Current.CancellationToken)).ShouldBeTrue();
    }

    [Fact]
    public async Task two_imports_of_the_same_rows_at_once_insert_them_once()
    {
        var rows = Enumerable.Range(0, 2000).Select(n => Payment($"pay_{n}")).ToArray();
        var results = await Task.WhenAll(fixture.ImportAsync(rows), fixture.ImportAsync([.. rows.Reverse()]));
        results.ShouldAllBe(result => result.Succeeded);
        results.Sum(result => result.Inserted).ShouldBe(2000);
        (await fixture.CountAsync(_merchant)).ShouldBe(2000);
    }

    [Fact]
    public async Task a_file_that_breaks_off_leaves_nothing()
    {
        var file = Encoding.UTF8.GetBytes($"{TransactionImport.Header}\r\n{Payment("pay_1")}\r\n");
        using var broken = new BrokenStream(file);
        await Should.ThrowAsync<IOException>(() =>
            fixture.Import.ImportAsync(broken, progress: null, TestContext.Current.CancellationToken));
        (await fixture.CountAsync(_merchant)).ShouldBe(0);
    }

    [Fact]
    public async Task the_sample_is_imported_whole_and_progress_is_told()
    {
        var merchants = SampleTransactions.DefaultMerchants.Select(m => m with { Id = Guid.CreateVersion7() }).ToList();
        using var file = new MemoryStream();
        await SampleTransactions.WriteAsync(
            file,
            merchants,
            new DateOnly(2026, 4, 1),
            count: 25_000,
            cancellation: TestContext.Current.CancellationToken);
        file.Position = 0;
        var progress = new List<long>();
        var result = await fixture.Import.ImportAsync(
            file, new Recorder(progress), TestContext.Current.CancellationToken);
        result.ShouldBeEquivalentTo(new ImportResult(25_000, 25_000, 0, []));
        progress.ShouldBe([10_000, 20_000, 25_000]);
        file.CanRead.ShouldBeTrue("the caller's stream is left open");
    }

    [Fact]
    public async Task many_nodes_that_start_at_once_create_the_schema_once()
    {
        await using var database = new TestDatabase();
        await database.InitializeAsync();
        await using var transactions = new TransactionDatabase(NpgsqlDataSource.Create(database.ConnectionString));
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ =>
            transactions.ApplySchemaAsync(TestContext.Current.CancellationToken)));
        (await transactions.HasTransactionsAsync(_merchant, TestContext.Current.CancellationToken)).ShouldBeFalse();
    }

    private string Payment(string id, string gross = "12.345", Guid? merchant = null) =>
        $"{id},{merchant ?? _merchant},2026-02-01T09:15:30.250+03:00,payment,,ORD-1,Omar,KNET,KWD,{gross},-0.111";

    private sealed class Recorder(List<long> rows) : IProgress<ImportProgress>
    {
        public void Report(ImportProgress value) => rows.Add(value.RowsRead);
    }

    private sealed class BrokenStream(byte[] bytes) : MemoryStream(bytes)
    {
        public override async ValueTask<int> ReadAsync(
            Memory<byte> buffer,
            CancellationToken cancellationToken = default)
        {
            var read = await base.ReadAsync(buffer, cancellationToken);
            return read > 0 ? read : throw new IOException("broken");
        }
    }
}
