using Reports.BuildingBlocks;

namespace Reports.ApiTests;

/// <summary>What the credential of a caller is worth (<c>docs/contract.md</c> section 2).</summary>
internal enum Standing
{
    /// <summary>Missing, revoked, expired, disabled, or more than one.</summary>
    Nobody,

    /// <summary>Valid, without the permission to view reports.</summary>
    Known,

    /// <summary>Valid, with that permission or with every one.</summary>
    Reader,
}

/// <summary>Somebody who calls.</summary>
/// <param name="Name">What to call them when an assertion fails.</param>
/// <param name="Standing">What their credential is worth.</param>
/// <param name="Merchant">Whose they are; none for the whole platform.</param>
/// <param name="Number">The number that tokens are bound to; also of whom nobody lets in any more.</param>
/// <param name="Headers">The credential as it is sent.</param>
internal sealed record Principal(
    string Name, Standing Standing, Guid? Merchant, int Number, params (string Name, string Value)[] Headers);

/// <summary>How far the retention of a report is.</summary>
internal enum Retention
{
    Kept,

    /// <summary>Its time is over, and nothing says so yet but the instant that was announced.</summary>
    Over,

    /// <summary>Its end is on record.</summary>
    Ended,
}

/// <summary>What an address names: a report, or nothing that is one.</summary>
/// <param name="Name">What to call it when an assertion fails.</param>
/// <param name="Locator">The token or <c>encrypted_id</c> that a caller sends.</param>
internal sealed record Target(string Name, Func<Principal, string> Locator)
{
    /// <summary>Whose finished report it is; none when it is unknown or not finished.</summary>
    public Guid? Owner { get; init; }

    public GivenReport? Report { get; init; }

    public bool IsEncryptedId { get; init; }

    public bool IsMalformed { get; init; }

    /// <summary>Whom the token was issued to; none for the caller.</summary>
    public int? Holder { get; init; }

    public bool IsTokenOver { get; init; }

    public Retention Retention { get; init; }
}

/// <summary>
/// Who may have what, once more, written from <c>docs/contract.md</c> sections 2 and 4 and not from the code: the
/// matrix of the tests is compared with this.
/// </summary>
internal static class AccessModel
{
    private static readonly Problem Powerless = Problem.Forbidden with { Detail = "No permission assigned" };

    public static Problem? List(Principal caller) => caller.Standing switch
    {
        Standing.Nobody => Problem.Unauthorized,
        Standing.Known => Powerless,
        _ => null,
    };

    /// <summary>A report is shown for as long as it is listed.</summary>
    public static Problem? Show(Principal caller, Target target) => List(caller) ?? target switch
    {
        { IsMalformed: true } => Problem.InvalidParameters,
        _ when target.Owner != caller.Merchant => Problem.NotFound,
        { Retention: Retention.Ended } => Problem.ContentExpired,
        _ => null,
    };

    public static Problem? Download(Principal caller, Target target) => List(caller) ?? target switch
    {
        { IsMalformed: true } => Problem.InvalidParameters,
        _ when target.Owner != caller.Merchant => Problem.NotFound,
        { Holder: { } holder } when holder != caller.Number => Problem.Forbidden,
        { IsTokenOver: true } => Problem.TokenExpired,
        { Retention: not Retention.Kept } => Problem.ContentExpired,
        _ => null,
    };

    /// <summary>The outcome on record.</summary>
    public static string Outcome(Problem? problem, string method) => (problem, method) switch
    {
        ({ }, _) => "refused",
        (_, "HEAD") => "head",
        (_, "Range") => "partial",
        _ => "complete",
    };

    public static int Status(Problem? problem, string method) => problem?.Status ?? (method == "Range" ? 206 : 200);
}
