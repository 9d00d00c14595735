namespace Reports.Contracts.Events;

/// <summary>
/// A generator may start reports on its own. First event of a Generator stream. Its secret is derived from the
/// installation's master key, so that it stands nowhere.
/// </summary>
/// <param name="GeneratorId">The stream.</param>
/// <param name="Name">A name for operators.</param>
/// <param name="MerchantId">The one merchant it may start reports for; none for all.</param>
/// <param name="KeyVersion">The version of the master key that its secret is derived from.</param>
/// <param name="By">Who registered it.</param>
/// <param name="RegisteredAt">When.</param>
[EventName("generator.registered.v1")]
public sealed record GeneratorRegistered(
    Guid GeneratorId, string Name, Guid? MerchantId, int KeyVersion, Actor By, DateTimeOffset RegisteredAt);

/// <summary>A generator has a new secret; what was signed with the earlier one is refused from now on.</summary>
/// <param name="GeneratorId">The stream.</param>
/// <param name="Secret">Which of its secrets counts, from 2 on: the first came with the registration.</param>
/// <param name="KeyVersion">The version of the master key that it is derived from.</param>
/// <param name="By">Who rotated it.</param>
/// <param name="RotatedAt">When.</param>
[EventName("generator.secret-rotated.v1")]
public sealed record GeneratorSecretRotated(
    Guid GeneratorId, int Secret, int KeyVersion, Actor By, DateTimeOffset RotatedAt);

/// <summary>A generator may start nothing any more. What it was asked for it may still answer.</summary>
/// <param name="GeneratorId">The stream.</param>
/// <param name="By">Who disabled it.</param>
/// <param name="DisabledAt">When.</param>
[EventName("generator.disabled.v1")]
public sealed record GeneratorDisabled(Guid GeneratorId, Actor By, DateTimeOffset DisabledAt);
