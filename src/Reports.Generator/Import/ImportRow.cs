using System.Buffers;
using System.Globalization;
using CsvHelper;

namespace Reports.Generator.Import;

/// <summary>Turns the row on which a reader stands into a transaction, and reports whatever is wrong with it.</summary>
internal sealed class ImportRow(CsvReader csv, Action<long, string?, string?, string> report)
{
    private const int MostCharactersOfAnId = 64;
    private const decimal AmountLimit = 1_000_000_000_000_000m;

    private static readonly DateTimeOffset Earliest = new(2000, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly DateTimeOffset Latest = new(2100, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly string[] TimeFormats =
    [
        "yyyy-MM-dd'T'HH:mm:sszzz", "yyyy-MM-dd'T'HH:mm:ss.FFFzzz",
        "yyyy-MM-dd'T'HH:mm:ss'Z'", "yyyy-MM-dd'T'HH:mm:ss.FFF'Z'",
    ];

    private static readonly SearchValues<char> IdCharacters =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-");

    private bool _isGood;

    /// <summary>The transaction, or none when anything in the row is wrong.</summary>
    public Transaction? Parse()
    {
        _isGood = true;
        var id = Id(ImportColumns.TransactionId);
        var merchantId = MerchantId();
        var occurredAt = OccurredAt();
        var type = Type();
        var originalId = type is null ? null : OriginalId(type.Value);
        var orderReference = Text(ImportColumns.OrderReference, mostCharacters: 100);
        var customerName = Text(ImportColumns.CustomerName, mostCharacters: 200);
        var paymentMethod = Text(ImportColumns.PaymentMethod, mostCharacters: 40);
        var currency = Currency(out var exponent);
        var gross = Amount(ImportColumns.Gross, currency, exponent);
        var fee = Amount(ImportColumns.Fee, currency, exponent);
        CheckSigns(type, gross, fee);
        return _isGood
            ? new Transaction(
                id, merchantId, occurredAt, type!.Value, originalId, orderReference, customerName, paymentMethod,
                currency, gross, fee)
            : null;
    }

    private string Id(string column)
    {
        var id = csv.GetString(column);
        if (id.Length is 0 or > MostCharactersOfAnId
            || !char.IsAsciiLetterOrDigit(id[0])
            || id.AsSpan().ContainsAnyExcept(IdCharacters))
        {
            Wrong(
                column,
                id,
                $"1 to {MostCharactersOfAnId} letters, digits or . _ : - that start with a letter or digit");
        }

        return id;
    }

    private Guid MerchantId()
    {
        var text = csv.GetString(ImportColumns.MerchantId);
        if (!Guid.TryParseExact(text, "D", out var id) || id == Guid.Empty)
        {
            Wrong(ImportColumns.MerchantId, text, "a UUID such as 0198c5a2-7b1e-7c3d-9f00-1234567890ab");
        }

        return id;
    }

    private DateTimeOffset OccurredAt()
    {
        var text = csv.GetString(ImportColumns.OccurredAt);
        if (!DateTimeOffset.TryParseExact(
            text, TimeFormats, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)
            || time < Earliest
            || time >= Latest)
        {
            Wrong(
                ImportColumns.OccurredAt,
                text,
                "a time of the years 2000 to 2099 with its offset and at most milliseconds, "
                + "such as 2026-03-01T09:15:30.250+03:00");
        }

        return time.ToUniversalTime();
    }

    private TransactionType? Type()
    {
        var text = csv.GetString(ImportColumns.Type);
        var type = TransactionTypes.Parse(text);
        if (type is null)
        {
            Wrong(ImportColumns.Type, text, "one of payment, refund, void, fee");
        }

        return type;
    }

    private string? OriginalId(TransactionType type)
    {
        if (type is TransactionType.Refund or TransactionType.Void)
        {
            return Id(ImportColumns.OriginalId);
        }

        var text = csv.GetString(ImportColumns.OriginalId);
        if (text.Length > 0)
        {
            Wrong(
                ImportColumns.OriginalId,
                text,
                $"nothing: only a refund or a void has one, and this is a {type.Name()}");
        }

        return null;
    }

    // PostgreSQL stores no NUL, and a replacement character means that the bytes were not UTF-8.
    private string Text(string column, int mostCharacters)
    {
        var text = csv.GetString(column);
        if (text.Length > mostCharacters || text.AsSpan().ContainsAny('\0', '\uFFFD'))
        {
            Wrong(
                column,
                text.Replace('\0', '\uFFFD'),
                $"at most {mostCharacters} characters of valid UTF-8 without NUL");
        }

        return text;
    }

    private string Currency(out int exponent)
    {
        var text = csv.GetString(ImportColumns.Currency);
        if (!Currencies.TryGetExponent(text, out exponent))
        {
            exponent = Currencies.MostDecimals;
            Wrong(ImportColumns.Currency, text, "an active ISO 4217 code in capitals, such as KWD");
        }

        return text;
    }

    private decimal Amount(string column, string currency, int exponent)
    {
        const NumberStyles Plain = NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint;
        var text = csv.GetString(column);
        if (!decimal.TryParse(text, Plain, CultureInfo.InvariantCulture, out var amount)
            || amount.Scale > exponent
            || decimal.Abs(amount) >= AmountLimit)
        {
            Wrong(
                column,
                text,
                $"a number with at most {exponent} decimals ({currency}) and 15 digits before them, such as -12");
        }

        return amount;
    }

    private void CheckSigns(TransactionType? type, decimal gross, decimal fee)
    {
        if (!_isGood)
        {
            return;
        }

        var (grossIsRight, expected) = type switch
        {
            TransactionType.Payment => (gross > 0, "more than 0 for a payment"),
            TransactionType.Refund => (gross < 0, "less than 0 for a refund"),
            TransactionType.Void => (gross < 0, "less than 0 for a void"),
            _ => (gross == 0, "0 for a fee"),
        };
        if (!grossIsRight)
        {
            Wrong(ImportColumns.Gross, csv.GetString(ImportColumns.Gross), expected);
        }

        if (type == TransactionType.Payment && fee > 0)
        {
            Wrong(ImportColumns.Fee, csv.GetString(ImportColumns.Fee), "0 or less for a payment: the merchant pays it");
        }
        else if (type == TransactionType.Fee && fee == 0)
        {
            Wrong(ImportColumns.Fee, csv.GetString(ImportColumns.Fee), "an amount other than 0 for a fee");
        }
    }

    private void Wrong(string column, string value, string expected)
    {
        _isGood = false;
        report(csv.LineNumber, column, value, expected);
    }
}
