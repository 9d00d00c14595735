using System.Reflection;
using MediatR;
using Reports.Access;
using Reports.Audit;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Delivery;
using Reports.Generator;
using Reports.Ledger;
using Reports.Lifecycle;
using Reports.Storage;
using Shouldly;
using Wolverine;
using Xunit;

namespace Reports.ArchitectureTests;

public sealed class ArchitectureTests
{
    private static readonly Assembly Contracts = typeof(ContractNames).Assembly;
    private static readonly Assembly Storage = typeof(ReportFiles).Assembly;
    private static readonly Assembly BuildingBlocks = typeof(KeyRing).Assembly;
    private static readonly Assembly Generator = typeof(GeneratorModule).Assembly;
    private static readonly Assembly Ledger = typeof(MerkleHash).Assembly;
    private static readonly Assembly Cli = Assembly.Load("Reports.Cli");
    private static readonly Assembly[] Modules =
    [
        typeof(AccessModule).Assembly, typeof(LifecycleModule).Assembly, typeof(DeliveryModule).Assembly,
        typeof(AuditModule).Assembly,
    ];

    [Fact]
    public void a_module_references_contracts_building_blocks_and_storage_only()
    {
        string[] allowed = ["Reports.Contracts", "Reports.BuildingBlocks", "Reports.Storage"];

        Modules.SelectMany(m => Rules.References(Name(m), References(m), [.. Allowed(m, allowed)])).ShouldBeEmpty();
        Rules.References("Violation", ["Reports.Access"], allowed).ShouldNotBeEmpty();
    }

    // The audit alone knows how the ledger is made up.
    private static IEnumerable<string> Allowed(Assembly module, IEnumerable<string> allowed) =>
        Name(module) == "Reports.Audit" ? allowed.Append("Reports.Ledger") : allowed;

    [Fact]
    public void the_generator_knows_what_any_outsider_knows()
    {
        Rules.References(Name(Generator), References(Generator), ["Reports.Contracts", "Reports.Storage"]).ShouldBeEmpty();
        References(Generator).ShouldNotContain(r => r.StartsWith("Wolverine") || r.StartsWith("Marten"));
        Rules.References("Violation", ["Reports.Lifecycle"], ["Reports.Contracts", "Reports.Storage"]).ShouldNotBeEmpty();
    }

    [Fact]
    public void contracts_storage_and_ledger_need_the_base_library_only()
    {
        Rules.Frameworks(Name(Ledger), References(Ledger)).ShouldBeEmpty();
        Rules.Frameworks(Name(Contracts), References(Contracts)).ShouldBeEmpty();
        Rules.Frameworks(Name(Storage), References(Storage)).ShouldBeEmpty();
        Rules.Frameworks("Violation", ["Wolverine"]).ShouldNotBeEmpty();
    }

    // Whoever verifies the record must not need what keeps it, and be able to read what verifies it.
    [Fact]
    public void the_commands_of_auditors_need_the_ledger_and_no_database()
    {
        string[] outputs = ["Spectre.Console", "Spectre.Console.Ansi", "System.CommandLine"];
        Rules.References(Name(Cli), References(Cli), ["Reports.Ledger"]).ShouldBeEmpty();
        Rules.Frameworks(Name(Cli), References(Cli).Except(outputs).Where(r => r != "Reports.Ledger")).ShouldBeEmpty();
        Rules.Packages(File.ReadAllText(Path.Combine(Checkout.Root, "src/Reports.Cli/packages.lock.json")))
            .Except([.. outputs, "Microsoft.CodeAnalysis.BannedApiAnalyzers"], StringComparer.OrdinalIgnoreCase)
            .ShouldBe(["reports.ledger"]);
        Rules.Packages("""{"dependencies": {"net10.0": {"Npgsql": {}}}}""").ShouldBe(["Npgsql"]);
    }

    [Fact]
    public void building_blocks_reference_contracts_only_have_few_files_and_no_domain_word()
    {
        Rules.References(Name(BuildingBlocks), References(BuildingBlocks), ["Reports.Contracts"]).ShouldBeEmpty();
        Rules.DomainWords(BuildingBlocks.GetTypes()).ShouldBeEmpty();
        Rules.DomainWords([typeof(Violations.ReportTools)]).ShouldNotBeEmpty();
        var folder = Path.Combine(Checkout.Root, "src/Reports.BuildingBlocks");
        Directory.GetFiles(folder, "*.cs").Length.ShouldBeLessThanOrEqualTo(8);
    }

    [Fact]
    public void only_modules_handlers_and_commands_are_public()
    {
        Modules.SelectMany(m => Rules.PublicTypes(m.GetTypes())).ShouldBeEmpty();
        Rules.PublicTypes([typeof(OpenThing)]).ShouldNotBeEmpty();
    }

    [Fact]
    public void the_two_dispatchers_never_nest()
    {
        Modules.SelectMany(m => Rules.Dispatchers(m.GetTypes())).ShouldBeEmpty();
        Rules.Dispatchers([typeof(Violations.OpenHandler)]).Count().ShouldBe(2);
    }

    [Fact]
    public void classes_are_sealed()
    {
        Modules.Append(Contracts).Append(Storage).Append(BuildingBlocks).Append(Generator).Append(Ledger).Append(Cli)
            .SelectMany(a => Rules.OpenClasses(a.GetTypes())).ShouldBeEmpty();
        Rules.OpenClasses([typeof(Violations.Inheritable)]).ShouldNotBeEmpty();
    }

    [Fact]
    public void names_say_what_a_type_is()
    {
        Modules.Append(Contracts).Append(Storage).Append(BuildingBlocks).Append(Generator).Append(Ledger).Append(Cli)
            .SelectMany(a => Rules.VagueNames(a.GetTypes())).ShouldBeEmpty();
        Rules.VagueNames([typeof(Violations.ReportManager)]).ShouldNotBeEmpty();
    }

    [Fact]
    public void the_compiler_is_told_to_refuse_clocks_random_ids_and_changes_to_events()
    {
        var banned = File.ReadAllText(Path.Combine(Checkout.Root, "src/BannedSymbols.txt"));
        banned.ShouldContain("P:System.DateTimeOffset.UtcNow");
        banned.ShouldContain("M:System.Guid.NewGuid");
        banned.ShouldContain("ArchiveStream");
        File.ReadAllText(Path.Combine(Checkout.Root, "Directory.Build.props")).ShouldContain("src/BannedSymbols.txt");
    }

    private static string Name(Assembly assembly) => assembly.GetName().Name!;

    private static IEnumerable<string> References(Assembly assembly) =>
        assembly.GetReferencedAssemblies().Select(r => r.Name!);
}

/// <summary>The checkout that the tests were built from.</summary>
internal static class Checkout
{
    public static string Root { get; } = Find(new DirectoryInfo(AppContext.BaseDirectory));

    private static string Find(DirectoryInfo directory) =>
        File.Exists(Path.Combine(directory.FullName, "Reports.sln")) ? directory.FullName : Find(directory.Parent!);
}

/// <summary>One deliberate violation of each rule: a rule that lets these pass is no rule.</summary>
public static class Violations
{
    public sealed class ReportTools;

    public sealed class ReportManager;

    public class Inheritable;

    public sealed record Question : IRequest<int>;

    public sealed class OpenHandler(IMessageBus bus) : IRequestHandler<Question, int>
    {
        public IMessageBus Bus { get; } = bus;

        public Task<int> Handle(Question request, CancellationToken cancellationToken) => Task.FromResult(0);
    }
}

/// <summary>A public type that is neither module, handler nor command.</summary>
public sealed class OpenThing;
