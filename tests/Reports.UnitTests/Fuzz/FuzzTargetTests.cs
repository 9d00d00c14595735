using System.Text.Json;
using Reports.Fuzz;
using Shouldly;
using Xunit;

namespace Reports.UnitTests.Fuzz;

/// <summary>
/// A short run of every fuzz target, the same each time, so that neither targets nor corpora rot; <c>build/fuzz</c>
/// looks further.
/// </summary>
public sealed class FuzzTargetTests
{
    private const int Inputs = 20_000;
    private const int Seed = 1;

    public static TheoryData<string> Names => [.. FuzzTargets.All.Select(t => t.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void a_property_holds_for_its_corpus_and_for_what_is_made_of_it(string name)
    {
        var target = FuzzTargets.Named(name);
        var mutations = new Mutations(target, Seed);
        var inputs = target.Corpus.Concat(Enumerable.Range(0, Inputs).Select(_ => mutations.Next()));

        foreach (var input in inputs)
        {
            Should.NotThrow(() => target.Accepts(input), $"{JsonSerializer.Serialize(input)}: {target.Property}");
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void a_corpus_has_what_is_accepted_and_what_is_not(string name)
    {
        var target = FuzzTargets.Named(name);

        target.Corpus.ShouldContain(input => target.Accepts(input));
        target.Corpus.ShouldContain(input => !target.Accepts(input));
    }

    [Fact]
    public void a_seed_makes_the_same_inputs_again_and_finds_what_is_wrong()
    {
        var target = new FuzzTarget("broken", "No input holds a word.", ["some text"], ["word"], text =>
        {
            BrokenPropertyException.Unless(!text.Contains("word"), text);
            return true;
        });
        string[] Run(int seed)
        {
            var mutations = new Mutations(target, seed);
            return [.. Enumerable.Range(0, 200).Select(_ => mutations.Next())];
        }

        Run(Seed).ShouldBe(Run(Seed));
        Run(Seed).ShouldNotBe(Run(Seed + 1));
        Should.Throw<BrokenPropertyException>(() => Run(Seed).Select(target.Accepts).ToList());
    }
}
