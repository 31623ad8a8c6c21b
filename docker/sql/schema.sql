IF OBJECT_ID(N'dbo.customers', N'U') IS NULL
    CREATE TABLE dbo.customers (
        id int IDENTITY(1, 1) NOT NULL PRIMARY KEY,
        name nvarchar(100) NOT NULL,
        created datetime2(3) NOT NULL DEFAULT SYSUTCDATETIME()
    );
GO
IF OBJECT_ID(N'dbo.orders', N'U') IS NULL
    CREATE TABLE dbo.orders (
        id int IDENTITY(1, 1) NOT NULL PRIMARY KEY,
        customer_id int NOT NULL,
        amount decimal(10, 2) NOT NULL,
        placed datetime2(3) NOT NULL DEFAULT SYSUTCDATETIME()
    );
GO
