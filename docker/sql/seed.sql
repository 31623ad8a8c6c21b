-- A hundred customers with ten orders each, once.
SET NOCOUNT ON;
IF NOT EXISTS (SELECT 1 FROM dbo.customers)
BEGIN
    BEGIN TRANSACTION;
    DECLARE @c int = 1, @o int;
    WHILE @c <= 100
    BEGIN
        INSERT INTO dbo.customers (name) VALUES (CONCAT(N'Customer ', @c));
        SET @o = 1;
        WHILE @o <= 10
        BEGIN
            INSERT INTO dbo.orders (customer_id, amount) VALUES (@c, @c + @o / 100.0);
            SET @o = @o + 1;
        END;
        SET @c = @c + 1;
    END;
    COMMIT;
END;
GO
