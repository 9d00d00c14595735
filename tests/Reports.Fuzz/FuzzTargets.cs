using Reports.Fuzz.Targets;

namespace Reports.Fuzz;

/// <summary>
/// Every target, one for each reader of strangers' text: a new reader gets a file in <c>Targets</c> and a place here.
/// </summary>
internal static class FuzzTargets
{
    public static IReadOnlyList<FuzzTarget> All { get; } =
    [
        ConditionalRequestTarget.Create(),
        CredentialTarget.Create(),
        DownloadTokenTarget.Create(),
        EncryptedIdTarget.Create(),
        ApiKeyTarget.Create(),
        ListTimeTarget.Create(),
        PageMarkTarget.Create(),
    ];

    public static FuzzTarget Named(string name) => All.FirstOrDefault(t => t.Name == name)
        ?? throw new ArgumentException(
            $"There is no target {name}; there are {string.Join(", ", All.Select(t => t.Name))}.");
}
