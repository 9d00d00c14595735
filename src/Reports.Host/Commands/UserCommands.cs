using System.CommandLine;
using MediatR;
using Reports.Access;

namespace Reports.Host.Commands;

/// <summary>Users of merchants. They are named by what they sign in with.</summary>
internal static class UserCommands
{
    public static Command Build() => new("user", "Users of merchants")
    {
        Add(),
        Permission(
            "grant", "Give a user a permission", "granted", (name, permission) =>
                new GrantPermission.Command(name, permission)),
        Permission(
            "revoke", "Take a permission from a user", "revoked", (name, permission) =>
                new RevokePermission.Command(name, permission)),
        Password(),
        Disable(),
        List(),
    };

    private static Command Add()
    {
        var (name, stdin) = (Name(), Stdin());
        var permission = new Option<string[]>("--permission")
        {
            Description = "A permission to give, such as report.can_view_report; may be repeated",
        };
        var superuser = new Option<bool>("--superuser") { Description = "Give every permission of the merchant" };
        var command = new Command("add", "Register a user; prints the password, this once")
        {
            name, Commands.Merchant, permission, superuser, stdin,
        };
        command.SetAction((parsed, cancellation) =>
        {
            var (password, shown) = NewPassword(parsed.GetValue(stdin), "registered");
            return Instance.SendAsync(
                parsed.GetValue(Commands.Merchant),
                new RegisterUser.Command(
                    parsed.GetRequiredValue(name), password, parsed.GetValue(permission) ?? [],
                    parsed.GetValue(superuser)),
                _ => Console.WriteLine(shown),
                cancellation);
        });
        return command;
    }

    private static Command Password()
    {
        var (name, stdin) = (Name(), Stdin());
        var command = new Command("password", "Give a user a new password; prints it, this once") { name, stdin };
        command.SetAction((parsed, cancellation) =>
        {
            var (password, shown) = NewPassword(parsed.GetValue(stdin), "changed");
            return Instance.SendAsync(
                null, new ChangePassword.Command(parsed.GetRequiredValue(name), password), shown, cancellation);
        });
        return command;
    }

    private static Command Permission(
        string verb, string description, string done, Func<string, string, IRequest> request)
    {
        var name = Name();
        var permission = new Argument<string>("permission")
        {
            Description = "The permission, such as report.can_view_report",
        };
        var command = new Command(verb, description) { name, permission };
        command.SetAction((parsed, cancellation) => Instance.SendAsync(
            null, request(parsed.GetRequiredValue(name), parsed.GetRequiredValue(permission)), done, cancellation));
        return command;
    }

    private static Command Disable()
    {
        var name = Name();
        var command = new Command("disable", "Disable a user for good: name and password are not valid any more")
        {
            name,
        };
        command.SetAction((parsed, cancellation) => Instance.SendAsync(
            null, new DisableUser.Command(parsed.GetRequiredValue(name)), "disabled", cancellation));
        return command;
    }

    private static Command List()
    {
        var merchant = new Option<Guid?>("--merchant") { Description = "The merchant's id; none for all users" };
        var command = new Command("list", "List users with their permissions") { merchant };
        command.SetAction((parsed, cancellation) => Instance.SendAsync(
            parsed.GetValue(merchant),
            new ListUsers.Query(),
            users => Output.Table(
                ["merchant", "state", "registered", "permissions", "name"],
                users.Select(u => (string[])
                [
                    u.MerchantId.ToString(), u.State, Output.Text(u.RegisteredAt),
                    u.IsSuperuser ? "superuser" : Output.Text(string.Join(' ', u.Permissions)), u.UserName,
                ])),
            cancellation));
        return command;
    }

    private static Argument<string> Name() => new("name") { Description = "The name to sign in with" };

    private static Option<bool> Stdin() => new("--password-stdin")
    {
        Description = "Read the password from standard input",
    };

    // What was read is not repeated.
    private static (string Password, string Shown) NewPassword(bool fromInput, string done)
    {
        var password = fromInput ? Console.In.ReadLine() ?? "" : Passwords.Generate();
        return (password, fromInput ? done : password);
    }
}
