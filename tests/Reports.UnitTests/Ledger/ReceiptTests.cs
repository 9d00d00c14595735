using System.Text;
using System.Text.Json;
using Reports.Ledger;
using Shouldly;
using Xunit;

namespace Reports.UnitTests.Ledger;

public sealed class ReceiptTests : IDisposable
{
    private readonly SyntheticExport _export = new(37);

    [Fact]
    public void a_receipt_of_every_event_is_proof()
    {
        for (var index = 0; index < _export.Events.Count; index++)
        {
            var (findings, proved) = Verify(Single(_export, index));
            findings.ShouldBeEmpty();
            proved.ShouldHaveSingleItem().ShouldContain($"leaf {index} of the 37");
        }
    }

    [Fact]
    public void a_receipt_of_an_attempt_is_proof_of_each_of_its_events()
    {
        var (findings, proved) = Verify(Attempt(_export, 3, 9));
        findings.ShouldBeEmpty();
        proved.Count.ShouldBe(2);
        proved.ShouldAllBe(line => line.Contains("signed at"));
    }

    [Fact]
    public void a_receipt_of_an_attempt_that_lost_its_end_says_so()
    {
        var receipt = Attempt(_export, 3, 9);
        var first = $"{{\"attempt\":\"{_export.Events[3].Event.StreamId}\",\"events\":[{Single(_export, 3)}]}}";
        receipt.ShouldStartWith(first[..^2]);

        var (findings, proved) = Verify(first);
        findings.ShouldBeEmpty();
        proved[^1].ShouldContain("The end of the attempt is not in the receipt");
    }

    [Fact]
    public void a_receipt_of_an_attempt_that_lacks_an_event_before_another_is_missing_it()
    {
        Attempt(_export, 3, 9, 12);
        string Of(params int[] indexes) =>
            $"{{\"attempt\":\"{_export.Events[3].Event.StreamId}\",\"events\":[{string.Join(',', indexes.Select(i => Single(_export, i)))}]}}";

        Verdicts(Of(3, 9, 12)).ShouldBeEmpty();
        Verdicts(Of(3, 12)).ShouldBe([Verdict.Missing]);
        Verdicts(Of(9, 12)).ShouldBe([Verdict.Missing, Verdict.Missing]);
        Verdicts(Of(9)).ShouldBe([Verdict.Missing]);
        Verdicts(Of(3, 3)).ShouldBe([Verdict.Missing]);
    }

    [Fact]
    public void an_event_of_another_attempt_is_found()
    {
        var receipt = Attempt(_export, 3, 9).Replace(
            $"\"attempt\":\"{_export.Events[3].Event.StreamId}\"", $"\"attempt\":\"{Guid.Empty}\"", StringComparison.Ordinal);
        Verify(receipt).Findings.Select(f => f.Verdict).ShouldBe([Verdict.Modified, Verdict.Modified]);
    }

    [Fact]
    public void an_altered_event_is_modified()
    {
        var receipt = Single(_export, 5);
        Verify(receipt.Replace("numb", "nump", StringComparison.Ordinal)).Findings.ShouldHaveSingleItem().Verdict.ShouldBe(Verdict.Modified);
        Verify(receipt.Replace("\"headers\":", "\"headers\": ", StringComparison.Ordinal)).Findings
            .ShouldHaveSingleItem().Verdict.ShouldBe(Verdict.Modified);
    }

    [Fact]
    public void another_leaf_another_proof_or_another_size_is_a_fork()
    {
        var (own, other) = (Single(_export, 5), Convert.ToBase64String(_export.Leaves[9].Leaf));
        var proof = JsonDocument.Parse(own).RootElement.GetProperty("proof")[2].GetString()!;
        Verdicts(own.Replace(proof, other, StringComparison.Ordinal)).ShouldBe([Verdict.Fork]);
        Verdicts(own.Replace("\"tree_size\":37", "\"tree_size\":38", StringComparison.Ordinal)).ShouldBe([Verdict.Fork]);
        Verdicts(own.Replace("\"leaf_index\":5,\"tree_size\"", "\"leaf_index\":4,\"tree_size\"", StringComparison.Ordinal)).ShouldBe([Verdict.Modified, Verdict.Fork]);
    }

    [Fact]
    public void a_stranger_s_checkpoint_is_a_bad_signature()
    {
        using var stranger = new SyntheticExport(37);
        Verdicts(Single(stranger, 5)).ShouldBe([Verdict.BadSignature]);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("7")]
    [InlineData("{\"events\":[],\"attempt\":\"x\"}")]
    [InlineData("{\"events\":[{}],\"attempt\":\"x\"}")]
    [InlineData("{\"events\":[]}")]
    public void what_is_no_receipt_is_unusable(string json) =>
        Should.Throw<UnusableExportException>(() => Verify(json));

    [Fact]
    public void a_receipt_cut_anywhere_is_unusable()
    {
        var receipt = Single(_export, 5);
        for (var length = 0; length < receipt.Length; length += 7)
        {
            Should.Throw<UnusableExportException>(() => Verify(receipt[..length]));
        }
    }

    public void Dispose() => _export.Dispose();

    internal static string Single(SyntheticExport export, int index)
    {
        var tree = new TestTree([.. export.Leaves.Select(l => l.Leaf)], MerkleHash.Node);
        var (size, note) = export.Checkpoints[^1];
        var (e, leafIndex) = export.Events[index];
        var proof = tree.Inclusion(leafIndex!.Value, size).Select(Convert.ToBase64String);
        return $"{{\"sequence\":{e.Sequence},\"leaf_index\":{leafIndex},\"tree_size\":{size}"
            + $",\"leaf\":\"{Convert.ToBase64String(export.Leaves[(int)leafIndex].Leaf)}\",\"proof\":{JsonSerializer.Serialize(proof)}"
            + $",\"event\":{SyntheticExport.Line(e, leafIndex)},\"checkpoint\":{JsonSerializer.Serialize(note)}}}";
    }

    internal static string Attempt(SyntheticExport export, params int[] indexes)
    {
        var attempt = export.Events[indexes[0]].Event.StreamId;
        for (var i = 0; i < indexes.Length; i++)
        {
            var type = i == 0 ? "download.attempted.v1" : "download.completed.v1";
            export.Events[indexes[i]] = (
                export.Events[indexes[i]].Event with { StreamId = attempt, Version = i + 1, Type = type }, indexes[i]);
        }

        export.Rebuild();
        return $"{{\"attempt\":\"{attempt}\",\"events\":[{string.Join(',', indexes.Select(i => Single(export, i)))}]}}";
    }

    private IEnumerable<Verdict> Verdicts(string receipt) => Verify(receipt).Findings.Select(f => f.Verdict);

    private (List<Finding> Findings, IReadOnlyList<string> Proved) Verify(string receipt)
    {
        var findings = new List<Finding>();
        return (findings, Receipt.Verify(Encoding.UTF8.GetBytes(receipt), _export.Keys, findings.Add));
    }
}
