-- The database of one SQL Server, and the login that applications use. $(...)
-- are variables of sqlcmd.
IF DB_ID(N'$(Database)') IS NULL
    CREATE DATABASE [$(Database)];
GO
IF SUSER_ID(N'app') IS NULL
    CREATE LOGIN [app] WITH PASSWORD = N'$(Password)', DEFAULT_DATABASE = [$(Database)];
GO
USE [$(Database)];
GO
IF USER_ID(N'app') IS NULL
    CREATE USER [app] FOR LOGIN [app];
GO
ALTER ROLE db_datareader ADD MEMBER [app];
ALTER ROLE db_datawriter ADD MEMBER [app];
GRANT EXECUTE TO [app];
GO
