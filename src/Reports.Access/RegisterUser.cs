using System.Text;
using FluentValidation;
using Marten;
using MediatR;
using Npgsql;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Contracts.Events;

namespace Reports.Access;

/// <summary>Registers a user of the current tenant with a password and permissions.</summary>
public static class RegisterUser
{
    /// <summary>The command.</summary>
    /// <param name="UserName">The name to sign in with; unique in the installation, at most 150 characters.</param>
    /// <param name="Password">The password, 12 to 256 characters.</param>
    /// <param name="Permissions">The permissions to give.</param>
    /// <param name="IsSuperuser">Whether every permission of the tenant is theirs.</param>
    public sealed record Command(
        string UserName, string Password, IReadOnlyList<string> Permissions, bool IsSuperuser = false) : IRequest<Guid>
    {
        /// <inheritdoc/>
        public override string ToString() => nameof(RegisterUser);
    }

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator()
        {
            RuleFor(c => c.UserName).Length(1, 150).WithMessage("must be 1 to 150 characters")
                .Must(name => !name.Any(c => c == ':' || char.IsControl(c)))
                .WithMessage("must not contain a colon or control characters (RFC 7617)")
                .OverridePropertyName("user_name");
            RuleFor(c => c.Password).NewPassword();
            RuleForEach(c => c.Permissions).Must(UserRules.IsPermission).WithMessage(UserRules.Permission)
                .OverridePropertyName("permissions");
        }
    }

    internal sealed class Handler(
        IDocumentSession session,
        CurrentCaller current,
        PrincipalNumbers numbers,
        Merchants merchants,
        TimeProvider clock) : IRequestHandler<Command, Guid>
    {
        public async Task<Guid> Handle(Command command, CancellationToken cancellationToken)
        {
            await merchants.RequireActiveAsync(current.RequiredTenant, cancellationToken);
            var now = clock.GetUtcNow();
            var user = Guid.CreateVersion7(now);
            var actor = current.Required.Actor;
            var number = await numbers.NextAsync(cancellationToken);
            var granted = command.Permissions.Select(p => Permissions.Canonical(p)!).Distinct()
                .Select(p => new PermissionGranted(user, p, actor, now));
            session.Events.StartStream<User>(
                user,
                [
                    new UserRegistered(user, number, current.RequiredTenant, command.IsSuperuser, actor, now),
                    .. granted,
                ]);
            SecretStore.Store(
                session,
                SecretStore.Users,
                UserRules.Lookup(command.UserName),
                user,
                await PasswordHash.CreateAsync(command.Password));
            try
            {
                await session.SaveChangesAsync(cancellationToken);
            }
            catch (Exception e) when (e.GetBaseException() is PostgresException { SqlState: "23505" })
            {
                throw new ProblemException(Problem.InvalidParameters with
                {
                    Detail = "user_name is taken",
                    Errors = new Dictionary<string, string[]> { ["user_name"] = ["is taken"] },
                });
            }

            return user;
        }
    }
}

/// <summary>What names, passwords and permissions may be.</summary>
internal static class UserRules
{
    public const string Permission =
        "is not a permission: report.can_view_report, report.can_request_report, report.can_manage_schedule or "
        + "report.can_view_audit";

    public static bool IsPermission(string permission) => Permissions.Canonical(permission) is not null;

    /// <summary>The spelling of a name under which it is looked up (RFC 7617 section 2.1: NFC).</summary>
    public static string Lookup(string userName) => userName.Normalize(NormalizationForm.FormC);

    /// <exception cref="ProblemException">There is no such user, or they are disabled.</exception>
    public static User Active(User? user, string userName) => user switch
    {
        null => throw Refusal.Unknown($"There is no user {userName}."),
        { IsDisabled: true } => throw Refusal.Conflict($"The user {userName} is disabled already."),
        _ => user,
    };

    public static void NewPassword<T>(this IRuleBuilder<T, string> rule) => rule
        .Length(12, 256).WithMessage("must be 12 to 256 characters")
        .Must(password => !password.Any(char.IsControl))
        .WithMessage("must not contain control characters (RFC 7617)")
        .OverridePropertyName("password");
}
